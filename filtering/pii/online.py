"""Addresses on the net: e-mail, written with its mark or with words for it, and IP."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from hanhua.filtering.pii.found import Found
from hanhua.filtering.seeds import SPACES, pairs

_DOMAIN = re.compile(r"\s?@\s?(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,62}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![A-Za-z0-9\-])")
_LOCAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}$")
_LOCAL_CHARACTERS = 64
_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
# Begins with a mark, not with any digit, so it is found or not in a fraction of the time.
_DOTTED = re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_IPV6 = re.compile(r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{4,34}")
_NUMBERED = re.compile(
    r"(?:[0-9A-Za-z_\-./]|版本|版|version|ver\.?|第|章|节|節|§|OID|内核|固件|驱动|补丁|更新[到至为]|升级[到至为])\s?[:：]?\s?$",
    re.IGNORECASE,
)
_NUMBERED_AFTER = re.compile(r"\s?(?:正式|测试|稳定)?版|[_\-](?:19|20)\d{6}")
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
# 小明[at]example.com, (at), 【艾特】; and # for the mark where a mail service follows.
# Begins with one set of characters for both: so it is found, or not, in a fraction of the time.
_SPOKEN_AT = re.compile(
    r"[\[({<（【〔#＃](?:(?<![#＃])\s?(?:at|@|艾特|圈a|a圈)\s?[\])}>）】〕]"
    r"|(?<=[#＃])(?=(?:qq|163|126|139|189|gmail|sina|sohu|foxmail|hotmail|outlook)\b))\s?",
    re.IGNORECASE,
)
SPOKEN_BEGINNINGS = [*pairs("[({<（【〔", f"aA@艾圈{SPACES}"), *pairs("#＃", "qQ1gGsSſfFhHoO")]
"""How the marks of spoken addresses begin."""
_SPOKEN_DOMAIN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9\-]{0,62}(?:\s?(?:\.|[\[({（【](?:dot|点)[\])}）】])\s?[A-Za-z0-9\-]{1,63}){0,3}"
    r"\s?(?:\.|[\[({（【](?:dot|点)[\])}）】])\s?[A-Za-z]{2,24}(?![A-Za-z0-9\-])",
    re.IGNORECASE,
)


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


def find_spoken_emails(text: str) -> Iterator[Found]:
    """Yield the addresses whose mark is written as a word: `name[at]example.com`, `name (at) example [dot] com`."""
    for mark in _SPOKEN_AT.finditer(text):
        stop = mark.start() - (text[mark.start() - 1 : mark.start()] == " ")
        window = text[max(0, stop - _LOCAL_CHARACTERS - 1) : stop]
        local, domain = _LOCAL.search(window), _SPOKEN_DOMAIN.match(text, mark.end())
        if local and domain and (len(local[0]) < len(window) or len(window) <= _LOCAL_CHARACTERS):
            yield Found(stop - len(local[0]), domain.end(), "EMAIL")


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
    if re.match(r"[0-9A-Za-z_]|\.\d", after) or _NUMBERED_AFTER.match(text[end : end + 10]):
        return False
    if _CALLED_ADDRESS.search(before):
        return True
    # 1.2.3.4 may be a section, 16.1.12.4 a version: small numbers need a word that calls them an address.
    numbered = _NUMBERED.search(before) and not _BEHIND_ANOTHER.search(before)
    return not numbered and any(int(part) >= _SECTION_PARTS for part in address.split(".")[1:])
