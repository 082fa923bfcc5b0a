"""The names of WeChat and QQ accounts, where they are called so, in one of the ways that people call them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from hanhua.filtering.pii.context import is_arithmetic, is_called_phone, is_quantity
from hanhua.filtering.pii.found import Found
from hanhua.filtering.seeds import SPACES, pairs

_ADD = "(?:加|➕|[+＋])"
_QQ = re.compile(
    rf"(?:QQ|qq|扣扣|企鹅号?|{_ADD}\s?[QqＱｑ扣](?:[Qq扣]|群)?|(?<![A-Za-z一-龥])[QqＱｑ扣](?=\s?[:：]))"
    r"(?P<said>[号群]?[码碼]?\s*(?:[:：是为]|\s)\s*|[号群]码?)?(?P<id>[1-9][0-9]{4,10})(?![0-9A-Za-z])"
)
_QQ_ALONE_DIGITS = 6
_DATE = re.compile(r"(?:199|20[0-3])\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_HEART = "(?:❤️?|♥️?|💗|心)"
# 威信 and 卫星 are words of their own, and a V or X begins many names: those count where somebody says to add them.
_WECHAT = re.compile(
    rf"(?:微信|薇信|徽信|[Ww]e[Cc]hat|[Ww]ei[Xx]in|(?<![A-Za-z])(?:[VvWw][Xx](?=\s*[:：])|[Vv][Xx](?=\s))|(?<![A-Za-z])[VvＶ]信|[微薇]{_HEART}信?"
    rf"|薇(?=\s?[:：])|{_ADD}\s?(?:[VvＶ](?:[Xx信]|{_HEART})?|[Ww][Xx]|威信|卫星|薇)(?=[号號]?\s*[:：是为]|\s|[号號])|{_ADD}\s?薇)"
    r"(?P<said>[号號]?(?:ID)?\s*[:：是为]\s*|[号號]\s*|\s*)"
    r"(?P<id>[A-Za-z][A-Za-z0-9_\-]{5,19})(?![A-Za-z0-9_\-@.])"
)
# 微信 v8_0_49_20240415: a version with its date.
_VERSION = re.compile(r"[vV](?:er)?\d{1,2}(?:[_\-]\d+)*|(?:beta|build|release|alpha|rc)[_\-\d]+", re.IGNORECASE)
# How the two patterns may begin. Searched one after the other, which is several times faster than by a pattern.
_QQ_SEEDS = ("qq", "扣", "企鹅", "q", "ｑ", "加", "➕", "+", "＋")
_WECHAT_SEEDS = ("微", "薇", "徽信", "wechat", "weixin", "vx", "wx", "v信", "ｖ信", "加", "➕", "+", "＋")
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_HAS_MARK = re.compile(r"[0-9_]")


QQ_BEGINNINGS = [
    "QQ", "qq", "扣扣", "企鹅", *pairs("加➕+＋", f"QqＱｑ扣{SPACES}"), *pairs("QqＱｑ扣", f":：{SPACES}")
]  # fmt: skip
WECHAT_BEGINNINGS = [
    "微信", "薇信", "徽信", "We", "we", *pairs("VvWw", "Xx"), *pairs("VvＶ", "信"), *pairs("微薇", "❤♥💗心"),
    *pairs("薇", f":：{SPACES}"), *pairs("加➕+＋", f"VvＶWw威卫薇{SPACES}"),
]  # fmt: skip
"""How the two patterns may begin, two characters of each."""


def find_qq(text: str) -> Iterator[Found]:
    """Yield what is called a QQ number."""
    for match in _matches(_QQ, text, _QQ_SEEDS):
        if _is_qq(text, match):
            yield Found(*match.span("id"), "QQ")


def find_wechat(text: str) -> Iterator[Found]:
    """Yield what is called the name of a WeChat account; an official account (公众号) belongs to nobody."""
    for match in _matches(_WECHAT, text, _WECHAT_SEEDS):
        said = match["said"]
        called = "号" in said or "號" in said
        # 微信 Android, 微信：Windows: a name is one with a digit, or what is called a name (微信号).
        if called or (_HAS_MARK.search(match["id"]) and not _VERSION.fullmatch(match["id"])):
            yield Found(*match.span("id"), "WECHAT")


def _is_qq(text: str, match: re.Match[str]) -> bool:
    said, digits = match["said"], match["id"]
    if not said:
        # QQ20240115版: a version with its date.
        return len(digits) >= _QQ_ALONE_DIGITS and not _DATE.fullmatch(digits)
    if match[0][0] in "QqＱｑ扣" and match[0][:2].lower() not in ("qq", "扣扣"):  # Q：12345 除以 5; 扣：20000元
        start, end = match.span("id")
        counted = is_quantity(text, start, end) or is_arithmetic(text, start, end)
        return len(digits) >= _QQ_ALONE_DIGITS and not counted and not is_called_phone(text, match.start())
    return True


def _matches(pattern: re.Pattern[str], text: str, seeds: tuple[str, ...]) -> Iterator[re.Match[str]]:
    """Yield the matches of a pattern, in order, where one of its seeds stands; none overlaps the one before."""
    lower = text.lower()
    if len(lower) != len(text):  # İ becomes two characters: places would not be the same
        lower = text.translate(_ASCII_LOWER)
    places: set[int] = set()
    for seed in seeds:
        at = lower.find(seed)
        while at >= 0:
            places.add(at)
            at = lower.find(seed, at + 1)
    end = 0
    for at in sorted(places):
        match = pattern.match(text, at) if at >= end else None
        if match:
            end = match.end()
            yield match
