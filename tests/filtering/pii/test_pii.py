"""Personal data: tables with checksums, look-alikes that stay, masks that are stable."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge
from hanhua.filtering.pii import accounts, build_masker, find_pii, mask_pii
from hanhua.filtering.pii.checksums import (
    is_company_code,
    is_hong_kong_id,
    is_identity_number,
    is_taiwan_id,
    passes_luhn,
)

# Reserved or impossible in life, valid in form: nobody was born on 1900-01-01 in 东城区 and has a number of today.
ID, ID_X = "110101190001012175", "11010119000101105X"
MOBILE, CARD_19, CARD_16 = "13800138000", "6222020000000000000", "4111111111111111"
COMPANY = "91350100M000100Y43"  # the example in GB 32100
FULL_WIDTH = str.maketrans("0123456789XMY", "０１２３４５６７８９ＸＭＹ")


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
        (f"统一社会信用代码：{COMPANY}，住所", "统一社会信用代码：[COMPANY_CODE]，住所"),
        (f"代码{COMPANY.translate(FULL_WIDTH)}。", "代码[COMPANY_CODE]。"),
        ("91 350100 M000100Y4 3", "[COMPANY_CODE]"),
        ("身分證字號：A123456789，戶籍", "身分證字號：[TW_ID]，戶籍"),
        ("居留證 A800000014", "居留證 [TW_ID]"),
        ("香港身份證A123456(3)", "香港身份證[HK_ID]"),
        ("HKID: AB987654（3）。", "HKID: [HK_ID]。"),
        ("身份證號碼 A1234563", "身份證號碼 [HK_ID]"),
        ("护照号：E12345678，签发", "护照号：[PASSPORT]，签发"),
        ("護照號碼 312345678", "護照號碼 [PASSPORT]"),
        ("港澳通行证C12345678", "港澳通行证[PASSPORT]"),
        ("passport no. EA1234567", "passport no. [PASSPORT]"),
        ("车牌京A88888的轿车", "车牌[PLATE]的轿车"),
        ("粤B·D12345 停在门口", "[PLATE] 停在门口"),
        ("沪AF12345", "[PLATE]"),
        ("座机 010-62345678，分机 12", "座机 [PHONE]，分机 12"),
        ("(0755) 2345 6789", "[PHONE]"),
        ("家里电话0571-8765432", "家里电话[PHONE]"),
        ("传真：01062345678", "传真：[PHONE]"),
        ("電話：(02)2345-6789", "電話：[PHONE]"),
        ("台北 02-2345-6789", "台北 [PHONE]"),
        ("手機 0912-345-678", "手機 [MOBILE]"),
        ("0912345678", "[MOBILE]"),
        ("+886 912 345 678", "[MOBILE]"),
        ("致電 2345 6789 查詢", "致電 [PHONE] 查詢"),
        ("+852 9123 4567", "[PHONE]"),
        ("Tel: 21234567", "Tel: [PHONE]"),
        ("登录 IP 为 61.135.169.121，时间", "登录 IP 为 [IP]，时间"),
        ("来自 240e:390:1ff:9c40::1 的请求", "来自 [IP] 的请求"),
        ("我的QQ号是123456789，加我", "我的QQ号是[QQ]，加我"),
        ("QQ:10001", "QQ:[QQ]"),
        ("加qq1234567890", "加qq[QQ]"),
        ("微信号：zhang_san88", "微信号：[WECHAT]"),
        ("微信号 xiaomingtongxue", "微信号 [WECHAT]"),
        ("加微信abc12345领取", "加微信[WECHAT]领取"),
        ("vx: lin2024old", "vx: [WECHAT]"),
        ("微信13800138000", "微信[MOBILE]"),
        ("邮箱是 12345678@qq.com", "邮箱是 [EMAIL]"),
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
        "统一社会信用代码 91350100M000100Y44",  # wrong check character
        "序列号 91350100M000100Y4",
        "SHA A1B2C3D4E5F6A7B8C9",
        "型号 A123456788",  # Taiwan's check digit fails
        "A1234567890",
        "订单号A123456789",
        "芯片 A123456(4)",  # Hong Kong's check digit fails
        "零件 A1234563 已停产",  # no bracket, and nothing calls it an identity number
        "E12345678 号高速公路",  # nothing calls it a passport
        "护照是旅行的证件，2024年签发了100000000本",
        "沪A股今天涨了，京G45高速堵车，豫R区",
        "鲁A级景区，粤B2-20090191号",  # a license number of a website
        "客服 400-810-8080，心理援助热线 12356、4001619995",
        "拨打110、119、12320、12345",
        "2010-62345678",  # a longer number
        "0000-62345678，文号 0123-12345678",
        "在 2345 6789 行之间，共 23456789 行",
        "版本 16.1.12.40，第 5.4.3.2 节，v61.135.169.121",
        "127.0.0.1 10.0.3.25 192.168.1.10 255.255.255.0 8.8.8.8 203.0.113.7 1.2.3.4.5",
        "2001:db8::1 和 fe80::1 是文档里的地址，时间 2024:10:12",
        "QQ2013 版，QQ 音乐 10.5，QQ群很多，qq空间",
        "微信 Android 版 8.0，微信支付 JSAPI，微信小程序：component",
        "微信公众号：renminribao",
        "2024-01-15 至 2024-12-31，第 20240115 号文件",
        "π≈3.1415926535，UPC 036000291452，电压 220-380",
        "ISBN 7-02-000220-X，ISSN 1000-1234，GB/T 2260-2007",
    ],
)
def test_lookalikes_stay(text: str) -> None:
    assert mask_pii(text) == (text, {})


def test_only_the_kinds_that_are_asked_for() -> None:
    text = f"手机{MOBILE}，邮箱 a@example.com"
    assert mask_pii(text, kinds=("EMAIL",)) == (f"手机{MOBILE}，邮箱 [EMAIL]", {"EMAIL": 1})


def test_a_long_list_is_masked_in_no_time() -> None:
    text = "\n".join(f"何小满 1380013{number:04} a{number}@example.com" for number in range(8000))
    assert mask_pii(text)[1] == {"MOBILE": 8000, "EMAIL": 8000}


def test_every_wrong_check_digit_is_refused() -> None:
    assert [d for d in "0123456789X" if is_identity_number(ID[:17] + d)] == [ID[17]]
    assert [d for d in "0123456789" if passes_luhn(CARD_19[:18] + d)] == [CARD_19[18]]
    assert [d for d in "0123456789ABCDEFGHJKLMNPQRTUWXY" if is_company_code(COMPANY[:17] + d)] == ["3"]
    assert [d for d in "0123456789" if is_taiwan_id("A12345678" + d)] == ["9"]
    assert [d for d in "0123456789A" if is_hong_kong_id("A123456" + d)] == ["3"]


PIECES = st.one_of(
    st.sampled_from([ID, ID_X, MOBILE, CARD_19, CARD_16, COMPANY, "a@example.com", "[MOBILE]"]),
    st.sampled_from(["A123456(3)", "A123456789", "E12345678", "京A88888", "010-62345678", "61.135.169.121", "a12345b"]),
    st.sampled_from([" ", "-", "，", "电话", "订单号", "护照", "微信号", "QQ", "身份證", "x", "１", "."]),
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


@pytest.mark.parametrize(
    "text",
    [
        "微信：ａｂｃｄ１２３４５",
        "微信：xiao_mei",
        "电话１３８００１３８０００。",
        "邮箱 li@example.org",
        "今天天气很好。",
    ],
)
def test_a_judge_masks_what_the_masker_masks(text: str) -> None:
    """Texts without digits and letters are not searched; full-width ones count."""
    text += "我们沿着河边走了很久，说起小时候的事。" * 3
    config = FilteringConfig.model_validate({"preset": "none", "pii": {"mode": "mask"}})
    assert Judge(config).judge(text, language="zh").text == mask_pii(text)[0]


@given(st.text(alphabet="qQ扣企鹅号微信vVwWxXeiEInHa:： 1234567İ。", max_size=40))
@settings(max_examples=1000, deadline=None)
def test_accounts_are_those_of_a_search_through_the_whole_text(text: str) -> None:
    for pattern, seeds in ((accounts._QQ, accounts._QQ_SEEDS), (accounts._WECHAT, accounts._WECHAT_SEEDS)):
        found = [match.span() for match in accounts._matches(pattern, text, seeds)]
        assert found == [match.span() for match in pattern.finditer(text)]
