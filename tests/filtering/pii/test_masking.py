"""Masking: idempotent, bounded in length, exact outside of what was found, and blind to near misses."""

from __future__ import annotations

import datetime

import pytest
from any_texts import REAL
from hypothesis import given
from hypothesis import strategies as st
from test_checksums import IDENTITIES, digits, luhn_by_hand

from hanhua.filtering.config import PII_KINDS, FilteringConfig
from hanhua.filtering.judge import Judge
from hanhua.filtering.pii import find_pii, mask_pii
from hanhua.filtering.pii.found import is_called_otherwise, stands_free

HAN = st.text(alphabet="的一是不了人我在有他这中大来上国，。、：", max_size=12)
MOBILES = st.tuples(st.sampled_from(["138", "139", "150", "177", "186", "199"]), digits(8)).map("".join)
CARDS = digits(13).map(lambda body: "62" + body).map(lambda body: body + luhn_by_hand(body))
EMAILS = st.tuples(st.from_regex(r"\A[a-z][a-z0-9]{2,8}\Z"), st.sampled_from(["example.com", "mail.example.org"]))
DATA = st.one_of(
    MOBILES.map(lambda text: (text, "MOBILE")),
    IDENTITIES.map(lambda text: (text, "ID_CARD")),
    EMAILS.map("@".join).map(lambda text: (text, "EMAIL")),
)
LONGEST_TAG = max(map(len, PII_KINDS)) + 2
SHORTEST_DATUM = 5
"""A QQ number of five digits is the shortest there is."""


@given(st.lists(st.tuples(HAN, DATA), min_size=1, max_size=4), HAN)
def test_each_datum_gives_way_to_its_tag_and_the_rest_stays(parts: list[tuple[str, tuple[str, str]]], end: str) -> None:
    text = "".join(f"{before}，{datum}。" for before, (datum, _) in parts) + end
    masked = "".join(f"{before}，[{tag}]。" for before, (_, tag) in parts) + end
    assert mask_pii(text)[0] == masked
    assert sorted(one.tag for one in find_pii(text)) == sorted(tag for _, (_, tag) in parts)


@given(st.lists(st.one_of(HAN, DATA.map(lambda one: one[0]), st.text(max_size=6)), max_size=6).map("".join))
def test_masking_again_changes_nothing_and_lengths_have_bounds(text: str) -> None:
    masked, counts = mask_pii(text)
    assert mask_pii(masked) == (masked, {})
    found = find_pii(text)
    assert len(masked) == len(text) + sum(len(one.tag) + 2 - (one.end - one.start) for one in found)
    assert len(masked) <= len(text) + counts.total() * (LONGEST_TAG - SHORTEST_DATUM)
    assert all(0 <= one.start < one.end <= len(text) and one.tag in PII_KINDS for one in found)


@given(MOBILES, st.sampled_from(["", "-", " ", "\u3000", "—"]), st.sampled_from(["", "+86 ", "86-", "0086 "]))
def test_a_mobile_number_however_it_is_grouped(number: str, gap: str, prefix: str) -> None:
    written = prefix + gap.join((number[:3], number[3:7], number[7:]))
    assert mask_pii(f"请打：{written}。")[1] == {"MOBILE": 1}


@given(IDENTITIES, st.sampled_from(["", " ", "-"]))
def test_an_identity_number_however_it_is_grouped(number: str, gap: str) -> None:
    written = gap.join((number[:6], number[6:14], number[14:]))
    assert mask_pii(f"身份证：{written}，完。") == ("身份证：[ID_CARD]，完。", {"ID_CARD": 1})


@given(
    st.sampled_from(
        ["订单：", "訂單", "快递：", "订单号", "运单编号：", "快递单号 ", "ISBN ", "发票号：", "合同编号", "序列号:"]
    ),
    MOBILES,
)
def test_what_is_called_otherwise_stays(name: str, number: str) -> None:
    text = f"{name}{number}，请核对"
    assert is_called_otherwise(text, len(name))
    assert mask_pii(text) == (text, {})


@given(MOBILES, st.sampled_from("0123456789"), st.booleans())
def test_one_digit_more_makes_it_another_number(number: str, digit: str, before: bool) -> None:
    """Twelve digits are no mobile number, unless a card or an area code makes something of them."""
    text = f"记录{digit}{number}完" if before else f"记录{number}{digit}完"
    assert "MOBILE" not in mask_pii(text)[1]


@given(MOBILES, st.sampled_from(["a{}", "{}f", "0.{}", "x_{}", "{}_bak", "v1{}"]))
def test_part_of_a_word_or_fraction_is_no_number(number: str, form: str) -> None:
    text = "哈希" + form.format(number) + "，完"
    start = text.index(number)
    assert not stands_free(text, start, start + len(number))
    assert "MOBILE" not in mask_pii(text)[1]


@given(st.dates(datetime.date(1990, 1, 1), datetime.date(2030, 1, 1)), st.integers(0, 23), st.integers(0, 59))
def test_dates_and_times_are_nobody_s(day: datetime.date, hour: int, minute: int) -> None:
    for form in (f"{day:%Y-%m-%d} {hour:02}:{minute:02}", f"{day:%Y年%m月%d日}", f"{day:%Y%m%d}{hour:02}{minute:02}"):
        text = f"记于{form}，完"
        assert mask_pii(text) == (text, {})


@pytest.mark.parametrize("text", REAL)
def test_the_quickstart_s_prose_holds_no_personal_data(text: str) -> None:
    assert mask_pii(text) == (text, {})


@given(DATA, st.sampled_from(PII_KINDS))
def test_only_the_kinds_asked_for_are_masked(datum: tuple[str, str], kind: str) -> None:
    text = f"他说，{datum[0]}。"
    assert (mask_pii(text, kinds=(kind,))[0] != text) == (datum[1] == kind)


@given(DATA, HAN)
def test_full_width_is_found_as_narrow_is(datum: tuple[str, str], before: str) -> None:
    wide = datum[0].translate({code: code + 0xFEE0 for code in range(0x30, 0x3A)})
    found, narrow = (find_pii(f"{before}，{one}。") for one in (wide, datum[0]))
    assert found == narrow


@given(DATA)
def test_a_judge_that_drops_names_the_kind(datum: tuple[str, str]) -> None:
    """As many texts go as would have been masked."""
    text = f"物业的联系方式是{datum[0]}，水管漏了就找他，周末也有人值班，夜里也行。"
    judged = DROPPING.judge(text, language="zh")
    assert (judged.verdict.reason, judged.verdict.value) == (f"pii.{datum[1].lower()}", 1)
    assert DROPPING.judge(text.replace(datum[0], "老王"), language="zh").verdict.keep


DROPPING = Judge(FilteringConfig.model_validate({"preset": "none", "pii": {"mode": "drop"}}))


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("座机 010-62345678", ["PHONE"]),
        ("座机 010-12345678", []),  # no subscriber's number begins with 1
        ("文号 010-62345678-9", []),
        ("电话 2345678", ["PHONE"]),
        ("页码 2345678", []),
        ("(021) 6234 5678 转 8", ["PHONE"]),
        ("+86-10-62345678", ["PHONE"]),
        ("+1-10-62345678", []),
        ("热线：95588", []),
        ("IP 地址 61.135.169.121", ["IP"]),
        ("版本 61.135.169.121", []),
        ("来自 10.0.0.1 的请求", []),  # private
        ("来自 61.135.169.256 的请求", []),  # no byte
        ("61.135.169.121-61.135.169.130", ["IP", "IP"]),
        ("京A12345", ["PLATE"]),
        ("京A12I45", []),  # no plate has an I
        ("京I12345", []),
        ("微信号：abc_123456", ["WECHAT"]),
        ("微信：abcdefgh", []),  # nothing calls it a name, and it has no digit
        ("微信号：ab12", []),  # too short
        ("QQ：12345", ["QQ"]),
        ("QQ12345", []),  # alone, five digits are too few
        ("QQ123456", ["QQ"]),
        ("QQ：012345", []),  # none begins with 0
        ("写给 a@b.co 吧", ["EMAIL"]),
        ("写给 a@b 吧", []),
        ("写给 git@example.com 吧", []),
    ],
)
def test_kinds_and_their_near_misses(text: str, tags: list[str]) -> None:
    assert [one.tag for one in find_pii(text)] == tags
