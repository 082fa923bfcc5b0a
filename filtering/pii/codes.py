"""Numbers with letters: company codes, passports, plates, and the identity numbers of Taiwan and Hong Kong."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanhua.filtering.pii.checksums import is_company_code, is_hong_kong_id, is_taiwan_id
from hanhua.filtering.pii.found import BEFORE, Found, is_called_otherwise, stands_free

_CODE = re.compile(r"[0-9A-Z]{18}|[A-Z][1289]\d{8}|[A-Z]{1,2}\d{6}(?:[(（][0-9A][)）]|[0-9A])")
# Company codes are also written in groups of four after the first two.
_COMPANY_GROUPS = re.compile(r"[0-9ANY][0-9A-Y][ \-]\d{6}[ \-][0-9A-Y]{9}[ \-]?[0-9A-Y]")
_CALLED_ID = re.compile(r"(?:身份[證证]|身分[證证]|HKID|ID)(?:字?[號号])?(?:[碼码])?\s*[:：是为為]?\s*$", re.IGNORECASE)
_CALLED_PASSPORT = re.compile(
    r"(?:护照|護照|通行[证證]|回乡证|回鄉證|台胞证|台胞證|passport)(?:[号號][码碼]?|\s*no\.?)?\s*[:：是为為]?\s*$",
    re.IGNORECASE,
)
# 普通护照 E/G, 公务 P/S/D and their e-passports, Hong Kong K/H, Macau MA/MB, Taiwan's nine digits, permits C/W/H/M/T.
_PASSPORT = re.compile(r"(?:[EGPSDKHCWMT][A-Z]?\d{7,10}|MA\d{7}|\d{8,9})(?![0-9A-Za-z])")
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
"""Characters that plates begin with; a capital follows."""
_PLATE = re.compile(
    f"[{PROVINCES}][A-HJ-NP-Z][·•.\\- ]?"
    "(?:[DF][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[DF]|[A-HJ-NP-Z0-9]{4}[A-HJ-NP-Z0-9挂学警港澳])(?![0-9A-Za-z])"
)
_MIN_PLATE_DIGITS = 3
# 沪A60051 股票代码: two exchanges are named as two cities are.
_SHARE_BEFORE = re.compile(r"(?:股票|证券|證券|代码|代碼|个股|基金)[:：是为]?\s?$")
_SHARE_AFTER = re.compile(r"\s?[,，、（(]?\s?(?:股(?!东)|代码|代碼|证券|證券|个股|基金|指数|收盘|开盘|涨|跌)")


def find_codes(text: str, begin: int, stop: int) -> Iterator[Found]:
    """Yield company codes and the identity numbers of Taiwan and Hong Kong within [begin, stop), by checksum."""
    for match in _CODE.finditer(text, begin, stop):
        start, end = match.span()
        if not stands_free(text, start, end):
            continue
        tag = _tag(match[0], text, start)
        if tag:
            yield Found(start, end, tag)
    for match in _COMPANY_GROUPS.finditer(text, begin, stop):
        if is_company_code(re.sub("[ -]", "", match[0])) and stands_free(text, *match.span()):
            yield Found(*match.span(), "COMPANY_CODE")


def _tag(code: str, text: str, start: int) -> str | None:
    if len(code) == 18:
        return "COMPANY_CODE" if is_company_code(code) else None
    called = _CALLED_ID.search(text[max(0, start - BEFORE) : start]) is not None
    if not called and is_called_otherwise(text, start):
        return None
    if is_taiwan_id(code):
        return "TW_ID"
    bracketed = code[-1] in ")）"
    plain = re.sub("[()（）]", "", code)
    return "HK_ID" if (bracketed or called) and is_hong_kong_id(plain) else None


def find_passports(text: str, begin: int, stop: int) -> Iterator[Found]:
    """Yield what is called the number of a passport or travel permit: these have no check digit."""
    for match in _PASSPORT.finditer(text, begin, stop):
        start, end = match.span()
        if _CALLED_PASSPORT.search(text[max(0, start - BEFORE - 4) : start]):
            yield Found(start, end, "PASSPORT")


def find_plates(text: str) -> Iterator[Found]:
    """Yield the plates of mainland vehicles, new-energy ones too; three digits at least, so 沪A股 is none."""
    for match in _PLATE.finditer(text):
        start, end = match.span()
        share = _SHARE_BEFORE.search(text[max(0, start - BEFORE) : start]) or _SHARE_AFTER.match(
            text[end : end + BEFORE]
        )
        if sum(map(str.isdigit, match[0])) >= _MIN_PLATE_DIGITS and not share:
            yield Found(*match.span(), "PLATE")
