"""Context decides, both ways: one row per way of writing a datum, with the near miss that stays beside it."""

from __future__ import annotations

import pytest

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge
from hanhua.filtering.pii import mask_pii
from hanhua.filtering.pii.checksums import is_old_identity_number

CARD, MOBILE = "6222020000000000000", "13800138000"


@pytest.mark.parametrize(
    ("masked", "text", "stays"),
    [
        # Fixed lines.
        ("电话：[PHONE]", "电话：010-62345678-801", "文号：010-62345678-20240115"),
        ("座机 [PHONE]", "座机 0755-23456789-12", "文号 0755-23456789-1"),
        ("[PHONE]", "+86 10 6234 5678", "+1 10 6234 5678"),
        ("[PHONE]", "+86 10 62345678", "+86 10 12345678"),
        ("[PHONE]", "+86-(0)10-62345678", "+87-(0)10-62345678"),
        ("[PHONE]", "86-10-62345678", "186-10-62345678"),
        ("[PHONE]", "+86 755 2345 6789", "编号 755 2345 6789"),
        ("[PHONE]", "+853 6612 3456", "+853 1612 3456"),
        ("[PHONE]", "00853-2871-1234", "853 2871 1234"),
        ("[PHONE]", "(853) 6612 3456", "(854) 6612 3456"),
        # Accounts.
        ("加Q[QQ]", "加Q123456789", "加Q弹的珍珠123456789"),
        ("➕扣：[QQ]", "➕扣：123456789", "折扣：123456789"),
        ("Q:[QQ] 淘宝交易", "Q:1315438379 淘宝交易", "Q：12345是多少"),
        ("企鹅[QQ]", "企鹅490006181", "企鹅2000只"),
        ("QQ：[QQ]", "QQ：20240115", "QQ20240115版"),
        ("V信：[WECHAT]", "V信：abc12345", "V形：abc12345"),
        ("v信 [WECHAT]", "v信 abc12345", "CV信 abc12345"),
        ("加V：[WECHAT]", "加V：abc12345", "叠加Vue3框架"),
        ("薇❤[WECHAT]", "薇❤abc12345", "薇薇安abc12345"),
        ("薇❤️：[WECHAT]", "薇❤️：abc12345", "❤️：abc12345"),
        ("微❤信[WECHAT]", "微❤信abc12345", "微❤信好友很多"),
        ("加卫星：[WECHAT]", "加卫星：abc12345", "卫星：GF20240115A"),
        ("微信：[WECHAT]", "微信：v8abc_12", "微信 v8_0_20240115"),
        # E-mail.
        ("[EMAIL]", "lin[at]example.com", "array[at]index"),
        ("写到 [EMAIL]。", "写到 lin (at) example [dot] com。", "他 (at) 三点。com"),
        ("[EMAIL]", "lin【艾特】example.com", "【艾特】example.com"),
        ("[EMAIL]", "12345#qq.com", "page#top.html"),
        # Identity numbers of fifteen digits.
        ("身份证号：[ID_CARD]", "身份证号：110101900101217", "流水号：110101900101217"),
        ("身份证 [ID_CARD]", "身份证 110101 900101 217", "身份证 110101901301217"),
        # Mobiles by single digits, in Chinese numerals, grouped oddly.
        ("[MOBILE]", "1 3 8 0 0 1 3 8 0 0 0", "1 3 8 0 0 1 3 8 0 0 0 5"),
        ("电话[MOBILE]", "电话1-3-8-0-0-1-3-8-0-0-0", "1-2-8-0-0-1"),
        ("[MOBILE]", "一三八零零一三八零零零", "一三八零零一三八零零零五"),
        ("找我：[MOBILE]", "找我：幺三八洞洞幺三八洞洞洞", "找我：一百三十八万零一百三十八"),
        ("[MOBILE]", "①③⑧⓪⓪①③⑧⓪⓪⓪", "①②③④⑤⑥⑦⑧⑨"),
        ("[MOBILE]", "138零零138零零零", "圆周率三一四一五九二六五三五"),
        ("[MOBILE]", "86138-0000-0000", "96138-0000-0000"),
        ("手机 [MOBILE]", "手机 1380-0138-000", "1380-0138-000"),
        # Numbers of something else.
        ("手机[MOBILE]", f"手机{MOBILE}", f"发票号码：{MOBILE}"),
        ("电话 [MOBILE]", f"电话 {MOBILE}", f"发票代码：{MOBILE}"),
        ("[MOBILE]个人信息", f"{MOBILE}个人信息", f"{MOBILE}个"),
        ("价格面议[MOBILE]", f"价格面议{MOBILE}", f"价格{MOBILE}元"),
        ("电话[MOBILE]万分感谢", f"电话{MOBILE}万分感谢", f"市值{MOBILE}美元"),
        ("mobile = [MOBILE]", f"mobile = {MOBILE}", f"const int kSeed = {MOBILE};"),
        ("?tel=[MOBILE]&a=1", f"?tel={MOBILE}&a=1", f"?id={MOBILE}&a=1"),
        ("[MOBILE]/[MOBILE]", f"{MOBILE}/{MOBILE}", f"https://example.com/{MOBILE}.html"),
        ("v[MOBILE]", f"v{MOBILE}", f"版本2.0-{MOBILE}"),
        ("卡号[BANK_CARD]", f"卡号{CARD}", f"{CARD} 是一个质数"),
        ("收款账户：[BANK_CARD]，余数不退", f"收款账户：{CARD}，余数不退", f"下面这个数能被 7 整除：\n{CARD}"),
        ("转账[BANK_CARD]", f"转账{CARD}", f"x = {CARD}"),
        ("[PLATE]", "沪A60051", "沪A60051股票代码"),
        ("车牌[PLATE]，股东的车", "车牌沪A60051，股东的车", "股票代码：沪A60051"),
        ("登录 [IP]", "登录 61.135.169.121", "内核 61.135.169.121"),
        ("访问 [IP]", "访问 61.135.169.121", "61.135.169.121_20240115"),
    ],
)  # fmt: skip
def test_one_way_and_its_near_miss(masked: str, text: str, stays: str) -> None:
    assert mask_pii(text)[0] == masked
    assert mask_pii(stays) == (stays, {})
    assert mask_pii(masked) == (masked, {})


@pytest.mark.parametrize("row", ["1 3 8 0 0 1 3 8 0 0 0", "1 3 5 7 9 1 1 3 1 5 1"])
def test_a_row_of_a_matrix_is_no_mobile_number(row: str) -> None:
    text = f"2 4 6 8 1 0 1 2 1 4 1\n{row}\n0 1 0 1 0 1 0 1 0 1 0"
    assert mask_pii(text) == (text, {})
    assert mask_pii(f"联系方式\n{row}\n谢谢")[1] == {"MOBILE": 1}


def test_a_text_without_a_digit_is_searched_for_numerals() -> None:
    text = "想学做陶的朋友可以来找我，号码是一三八零零一三八零零零，周末都在。" + "窑边的柴火烧了一整夜。" * 3
    judge = Judge(FilteringConfig.model_validate({"preset": "none", "pii": {"mode": "mask"}}))
    judged = judge.judge(text, language="zh")
    assert judged.masked == {"MOBILE": 1} and "号码是[MOBILE]，" in judged.text


@pytest.mark.parametrize(
    ("digits", "is_one"),
    [
        ("110101900101217", True),
        ("110101900230217", False),
        ("990101900101217", False),
        ("11010190010121", False),
        ("11010190010121X", False),
    ],
)
def test_fifteen_digits_have_a_province_and_a_day(digits: str, is_one: bool) -> None:
    assert is_old_identity_number(digits) == is_one
