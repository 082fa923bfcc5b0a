"""Addresses on the net: e-mail, IP, and the names of WeChat and QQ accounts where they are called so."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterator

from hanhua.filtering.pii.found import Found

_DOMAIN = re.compile(r"\s?@\s?(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,62}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![A-Za-z0-9\-])")
_LOCAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}$")
_LOCAL_CHARACTERS = 64
_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
# Begins with a mark, not with any digit, so it is found or not in a fraction of the time.
_DOTTED = re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_IPV6 = re.compile(r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{4,34}")
_NUMBERED = re.compile(r"(?:[0-9A-Za-z_\-./]|版本|版|version|ver\.?|第|章|节|節|§|OID)\s?$", re.IGNORECASE)
_CALLED_ADDRESS = re.compile(
    r"(?:(?<!\[)\bIP|地址|主机|主機|address|host|登录|登入|来自|來自|from)\D{0,6}$", re.IGNORECASE
)
# The second address of a range or a list: 61.135.169.121-61.135.169.130.
_BEHIND_ANOTHER = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}\s?[-/]\s?$")
_SECTION_PARTS = 20
# Resolvers that everybody's configuration names.
_PUBLIC = frozenset(
    [
        "8.8.8.8",
        "8.8.4.4",
        "1.1.1.1",
        "1.0.0.1",
        "9.9.9.9",
        "114.114.114.114",
        "114.114.115.115",
        "223.5.5.5",
        "223.6.6.6",
        "119.29.29.29",
        "180.76.76.76",
        "208.67.222.222",
        "208.67.220.220",
    ]
)

_QQ = re.compile(
    r"(?:QQ|qq|扣扣|企鹅号)(?P<said>[号群]?[码碼]?\s*(?:[:：是为]|\s)\s*|[号群]码?)?(?P<id>[1-9][0-9]{4,10})(?![0-9A-Za-z])"
)
_QQ_ALONE_DIGITS = 6
_WECHAT = re.compile(
    r"(?:微信|薇信|徽信|[Ww]e[Cc]hat|[Ww]ei[Xx]in|(?<![A-Za-z])[VvWw][Xx](?=\s*[:：]))"
    r"(?P<said>[号號]?(?:ID)?\s*[:：是为]\s*|[号號]\s*|\s*)"
    r"(?P<id>[A-Za-z][A-Za-z0-9_\-]{5,19})(?![A-Za-z0-9_\-@.])"
)
# How the two patterns may begin. Searched one after the other, which is several times faster than by a pattern.
_QQ_SEEDS = ("qq", "扣扣", "企鹅号")
_WECHAT_SEEDS = ("微信", "薇信", "徽信", "wechat", "weixin", "vx", "wx")
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_HAS_MARK = re.compile(r"[0-9_]")


def find_emails(text: str) -> Iterator[Found]:
    """Yield the e-mail addresses of a text; `git@host` and mentions (`@小明`) are none."""
    at = text.find("@")
    while at >= 0:
        start = at - (text[at - 1 : at] == " ")
        domain = _DOMAIN.match(text, start)
        # From the @ to the left: a search for what may precede it would try every word of the text.
        window = text[max(0, start - _LOCAL_CHARACTERS - 1) : start]
        local = _LOCAL.search(window)
        if domain and local and local[0] != "git" and (len(local[0]) < len(window) or len(window) <= _LOCAL_CHARACTERS):
            yield Found(start - len(local[0]), domain.end(), "EMAIL")
        at = text.find("@", at + 1)


def find_ips(text: str) -> Iterator[Found]:
    """Yield the IP addresses that can be somebody's: global, no well-known resolver, no version or section number."""
    for match in _IPV4.finditer(text) if _DOTTED.search(text) else ():
        start, end = match.span()
        if _is_somebodys(match[0]) and _stands_for_an_address(text, start, end, match[0]):
            yield Found(start, end, "IP")
    for match in _IPV6.finditer(text) if ":" in text else ():
        start = match.start()
        address = match[0].rstrip(":") if not match[0].endswith("::") else match[0]
        around = text[max(0, start - 1) : start] + text[start + len(address) : start + len(address) + 1]
        if _is_somebodys(address) and not re.search("[0-9A-Za-z:]", around):
            yield Found(start, start + len(address), "IP")


def _is_somebodys(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_global and not parsed.is_multicast and address not in _PUBLIC


def _stands_for_an_address(text: str, start: int, end: int, address: str) -> bool:
    before, after = text[max(0, start - 20) : start], text[end : end + 2]
    if re.match(r"[0-9A-Za-z_]|\.\d", after):
        return False
    if _CALLED_ADDRESS.search(before):
        return True
    # 1.2.3.4 may be a section, 16.1.12.4 a version: small numbers need a word that calls them an address.
    numbered = _NUMBERED.search(before) and not _BEHIND_ANOTHER.search(before)
    return not numbered and any(int(part) >= _SECTION_PARTS for part in address.split(".")[1:])


def find_accounts(text: str) -> Iterator[Found]:
    """Yield what is called a QQ number or a WeChat name; an official account (公众号) belongs to nobody."""
    lower = text.lower()
    if len(lower) != len(text):  # İ becomes two characters: places would not be the same
        lower = text.translate(_ASCII_LOWER)
    for match in _matches(_QQ, text, lower, _QQ_SEEDS):
        if match["said"] or len(match["id"]) >= _QQ_ALONE_DIGITS:
            yield Found(*match.span("id"), "QQ")
    for match in _matches(_WECHAT, text, lower, _WECHAT_SEEDS):
        said = match["said"]
        # 微信 Android, 微信：Windows: a name is one with a digit, or what is called a name (微信号).
        if _HAS_MARK.search(match["id"]) or "号" in said or "號" in said:
            yield Found(*match.span("id"), "WECHAT")


def _matches(pattern: re.Pattern[str], text: str, lower: str, seeds: tuple[str, ...]) -> Iterator[re.Match[str]]:
    """Yield the matches of a pattern, in order, where one of its seeds stands; none overlaps the one before."""
    places: list[int] = []
    for seed in seeds:
        at = lower.find(seed)
        while at >= 0:
            places.append(at)
            at = lower.find(seed, at + 1)
    end = 0
    for at in sorted(places):
        match = pattern.match(text, at) if at >= end else None
        if match:
            end = match.end()
            yield match
