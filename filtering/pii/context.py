"""What stands around a number and decides what it is: a price, a constant, an operand, a version, or somebody's."""

from __future__ import annotations

import re

from hanhua.filtering.pii.found import BEFORE

_CALLED_PHONE = re.compile(
    r"(?:电话|電話|座机|座機|家里|宅电|传真|傳真|热线|熱線|致电|致電|手机|手機|联系方式|联系|聯絡|聯繫|拨打|短信|"
    r"微信|[vＶ]信|tel|phone|mobile|cell|fax|call|sms|vx|wx|contact)"
    r"[号號]?[码碼]?\s*[\"']?\s*[.:：是为為)）=]?\s*[\"'+]?$",
    re.IGNORECASE,
)
_CALLED_CARD = re.compile(
    r"(?:卡号|卡號|银行卡|信用卡|储蓄卡|借记卡|账号|帐号|賬號|帳號|账户|帐户|賬戶|帳戶|开户|转账|汇款|打款|收款|银行|銀行|"
    r"visa|mastercard|card)[^0-9\n，。；\[\]]{0,6}$",
    re.IGNORECASE,
)
# A sum, a count or a measure: what follows the last digit. 个人 and 万一 begin other words.
_COUNTED_AFTER = re.compile(
    r"(?:\.\d+)?\s?(?:[万亿萬億](?![分一无無])|[美日港欧歐韩韓台加澳]?元|圆|圓|块钱|塊錢|人次|人民币|人民幣|英镑|次(?![日子])|个(?!人|体)|"
    r"個(?!人)|[公千毫厘]米|公里|公斤|千克|光年|年前|立方|平方|吨|噸|票|字节|比特|bytes?\b|bits?\b|[%％‰℃])",
    re.IGNORECASE,
)
_COUNTED_BEFORE = re.compile(
    r"(?:价格|价钱|價格|总价|售价|单价|报价|成交价|金额|金額|总额|總額|合计|共计|总计|营收|利润|市值|产值|资产|"
    r"销量|点击量|阅读量|播放量?|浏览量|人口|总数|约等于|等于|[￥¥$€£])\s*[:：是为為达達约約]?\s*$"
)
# A name that is given a number, a comparison, a keyword of a language.
_CONSTANT_BEFORE = re.compile(
    r"(?:[A-Za-z_][\w.\]]*\s*(?:[:+\-*/%&|^<>!=]?=|<<|[<>*%^&|])|#define\s+\w+|\b(?:return|case|mod|xor|seed))\s*\(?\s*$"
)
_OPERATOR_AFTER = re.compile(r"\s?(?:[×÷*%^]|[<>=]=|<<|>>|mod\b)\s?[\w(]", re.IGNORECASE)
_OPERATOR_BEFORE = re.compile(r"[\w)]\s?[×÷*^%]\s?$|除以\s?$|乘以\s?$|加上\s?$|减去\s?$")
_ARITHMETIC = re.compile(
    "质数|質數|素数|素數|合数|因数|因數|因子|约数|倍数|整除|余数|餘數|除以|乘以|乘积|阶乘|階乘|幂|斐波那契|梅森|完全数|"
    "位数|位數|进制|進位|平方根|开方|圆周率|圓周率|小数点|小數點|算术|算術|数论|數論|大数|[×÷≈≡√]"
)
_VERSION_BEFORE = re.compile(
    r"(?:版本[号號]?|version|ver\.?|build|release|固件|内核|补丁)\s*[:：]?\s*(?:v?\d[\d.]*[\-_ +.])?$"
    r"|v?\d+\.\d[\d.]*[\-_+]$",
    re.IGNORECASE,
)
_ADDRESS_BEFORE = re.compile(r"[A-Za-z0-9]/(?:[\w\-]+[/_\-])?$")
_PAGE_AFTER = re.compile(r"\.(?:s?html?|aspx?|php|jpe?g|png|gif|webp|mp4|pdf)\b|/", re.IGNORECASE)
_LINE_CHARACTERS = 500
"""How far arithmetic is looked for within lines: a document without line ends costs no more than one with them."""


def is_called_phone(text: str, start: int) -> bool:
    """Return whether the words in front call a number a phone, or a WeChat account, which may be a phone's."""
    return _CALLED_PHONE.search(text[max(0, start - BEFORE) : start]) is not None


def is_called_card(text: str, start: int) -> bool:
    """Return whether the words in front call a number a card or an account."""
    return _CALLED_CARD.search(text[max(0, start - BEFORE) : start]) is not None


def is_quantity(text: str, start: int, end: int) -> bool:
    """Return whether a number is a sum, a count, a constant of a program, an operand, a version or a page's address.

    >>> is_quantity("价格13812345678元", 2, 13), is_quantity("找我13812345678个人", 2, 13)
    (True, False)
    """
    before, after = text[max(0, start - 2 * BEFORE) : start], text[end : end + BEFORE]
    if _COUNTED_AFTER.match(after) or _COUNTED_BEFORE.search(before):
        return True
    if _OPERATOR_AFTER.match(after) or _OPERATOR_BEFORE.search(before):
        return True
    if _CONSTANT_BEFORE.search(before) or _VERSION_BEFORE.search(before):
        return True
    return bool(_ADDRESS_BEFORE.search(before) and _PAGE_AFTER.match(after))


def is_arithmetic(text: str, start: int, end: int) -> bool:
    """Return whether the line that a number stands in, the one above or the one below speaks of arithmetic."""
    begin = text.rfind("\n", 0, max(0, text.rfind("\n", 0, start))) + 1
    stop = text.find("\n", end)
    stop = text.find("\n", stop + 1) if stop >= 0 else stop
    stop = min(len(text) if stop < 0 else stop, end + _LINE_CHARACTERS)
    before = _ARITHMETIC.search(text, max(begin, start - _LINE_CHARACTERS), start)
    return before is not None or _ARITHMETIC.search(text, end, stop) is not None


def is_in_a_table(text: str, start: int, end: int) -> bool:
    """Return whether the line above or below is of digits alone, as the rows of a matrix are."""
    begin = text.rfind("\n", 0, start)
    stop = text.find("\n", end)
    above = text[text.rfind("\n", 0, max(begin, 0)) + 1 : begin] if begin > 0 else ""
    below = text[stop + 1 : stop + 1 + _LINE_CHARACTERS].split("\n", 1)[0] if stop >= 0 else ""
    return any(re.fullmatch(r"\s*\d+(?:[\s,\-]+\d+){2,}\s*", line[:_LINE_CHARACTERS]) for line in (above, below))
