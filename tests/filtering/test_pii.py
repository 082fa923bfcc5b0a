"""Personal data: tables with checksums, look-alikes that stay, masks that are stable."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.filtering.pii import build_masker, find_pii, is_identity_number, mask_pii, passes_luhn

# Reserved or impossible in life, valid in form: nobody was born on 1900-01-01 in 东城区 and has a number of today.
ID, ID_X = "110101190001012175", "11010119000101105X"
MOBILE, CARD_19, CARD_16 = "13800138000", "6222020000000000000", "4111111111111111"
FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"身份证号{ID}，请核对", "身份证号[ID_CARD]，请核对"),
        (f"身份证：{ID_X}。", "身份证：[ID_CARD]。"),
        (f"身份证：{ID_X.lower()}。", "身份证：[ID_CARD]。"),
        (f"证件{ID_X.translate(FULL_WIDTH)}号", "证件[ID_CARD]号"),
        ("110101 19000101 2175", "[ID_CARD]"),
        ("110101-1900-0101-2175", "[ID_CARD]"),
        (f"手机{MOBILE}，急", "手机[MOBILE]，急"),
        ("电话：138-0013-8000", "电话：[MOBILE]"),
        ("电话：138 0013 8000", "电话：[MOBILE]"),
        ("１３８００１３８０００", "[MOBILE]"),
        ("+86 138 0013 8000", "[MOBILE]"),
        ("+8613800138000", "[MOBILE]"),
        ("008613800138000", "[MOBILE]"),
        ("13800138000 13900139000", "[MOBILE] [MOBILE]"),
        ("13800138000/13900139000", "[MOBILE]/[MOBILE]"),
        ("tel13800138000, vx13800138000", "tel[MOBILE], vx[MOBILE]"),
        (f"卡号{CARD_19}，开户行", "卡号[BANK_CARD]，开户行"),
        ("6222 0200 0000 0000 000", "[BANK_CARD]"),
        ("6222-0200-0000-0000-000", "[BANK_CARD]"),
        ("622202 0000000000000", "[BANK_CARD]"),
        (f"Visa {CARD_16}.", "Visa [BANK_CARD]."),
        ("写信到 lin.old-books@example.com.cn。", "写信到 [EMAIL]。"),
        ("邮箱：a_b+c@example.org，谢谢", "邮箱：[EMAIL]，谢谢"),
        ("邮箱ａ：zhang@example．com", "邮箱ａ：[EMAIL]"),
        (f"{ID} {ID_X} {ID}", "[ID_CARD] [ID_CARD] [ID_CARD]"),
        (f"何小满，{CARD_19}，{MOBILE}", "何小满，[BANK_CARD]，[MOBILE]"),
    ],
)
def test_masks(text: str, masked: str) -> None:
    assert mask_pii(text)[0] == masked


@pytest.mark.parametrize(
    "text",
    [
        "110101190001012176",  # wrong check digit
        "110101190013012170",  # no thirteenth month
        "990101190001012170",  # no such province
        "11010119000101234x9",  # one more digit behind
        "12345678901",  # no mobile prefix
        "12800138000",
        "138001380001",  # twelve digits
        "0.13800138000",  # a fraction
        "订单号13800138000",
        "运单编号：13800138000",
        "快递单号 SF13800138000",
        "a13800138000f",  # a hash
        "13800138000_backup",
        "6222020000000000001",  # Luhn fails
        "8222020000000000",  # no issuer
        "流水号6222020000000000000",
        "ISBN 978-7-000-00000-1",
        "978-7-02-000220-7",
        "201380013800099",
        "2024-01-15 13:80:01",
        "1380-0138-000",  # grouped like no mobile number
        "版本 1.2.3.4，端口 13800，编号 138000",
        "git@github.com:someone/project.git",
        "@app.get('/items')",
        "user@localhost",
        "微博@小明，大家好。com",
        "3.14159265358979323846",
        "4096 8192 1024 2048 4111 1111 1111 1111 9000",  # fours among fours
    ],
)
def test_lookalikes_stay(text: str) -> None:
    assert mask_pii(text) == (text, {})


def test_every_wrong_check_digit_is_refused() -> None:
    assert [d for d in "0123456789X" if is_identity_number(ID[:17] + d)] == [ID[17]]
    assert [d for d in "0123456789" if passes_luhn(CARD_19[:18] + d)] == [CARD_19[18]]


PIECES = st.one_of(
    st.sampled_from([ID, ID_X, MOBILE, CARD_19, CARD_16, "a@example.com", "[MOBILE]"]),
    st.sampled_from([" ", "-", "，", "电话", "订单号", "x", "１"]),
    st.text(max_size=5),
)  # fmt: skip


@given(st.lists(PIECES, max_size=8).map("".join))
@settings(max_examples=400, deadline=None)
def test_masking_twice_is_masking_once(text: str) -> None:
    masked, counts = mask_pii(text)
    found = find_pii(text)
    assert counts.total() == len(found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert mask_pii(masked) == (masked, {})
    assert build_masker().mask(text) == masked
