"""Fixed lines of the mainland, Taiwan, Hong Kong and Macau; service numbers (400, 12320) belong to nobody and stay."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanhua.filtering.pii.context import is_called_phone
from hanhua.filtering.pii.found import Found, is_called_otherwise, stands_free

# Area codes: 010 and 02x with eight digits, or four of 03–09; Taiwan's have one to three. A subscriber's
# number begins with 2 to 8 on the mainland, 2 to 8 in Taiwan.
_MAINLAND = r"(?:010|02[0-57-9]|0[3-9][1-9]\d)"
_TAIWAN = r"(?:02|03|037|04|049|05|06|07|08|082|089|0826|0836)"
# An extension of two to five digits may follow a hyphen; one of a single digit is as often the end of a file number.
_EXTENSION = r"(?:[\-—]\d{2,5}(?![\d\-]))?(?!\d)"
_ABROAD = r"(?:\+|00)86[ \-]?(?:[(（]0[)）])?[(（]?0?(?:10|2[0-57-9]|[3-9][1-9]\d)[)）]?[ \-]?[2-8]\d{2,3}[ \-]?\d{4}"
_AREA = re.compile(
    rf"(?:[(（]{_MAINLAND}[)）][ \-]?|{_MAINLAND}[ \-—])[2-8]\d{{6,7}}{_EXTENSION}"
    rf"|[(（]{_MAINLAND}[)）][ \-]?[2-8]\d{{2,3}}[ \-]\d{{4}}{_EXTENSION}"
    rf"|{_MAINLAND}[ \-][2-8]\d{{2,3}}[ \-]\d{{4}}{_EXTENSION}"
    rf"|(?:[(（]{_TAIWAN}[)）][ \-]?|{_TAIWAN}-)[2-8]\d{{2,3}}[ \-]?\d{{4}}(?!\d)"
    rf"|{_ABROAD}{_EXTENSION}"
    rf"|86-(?:10|2[0-57-9]|[3-9][1-9]\d)-[2-8]\d{{6,7}}{_EXTENSION}"
    r"|(?:\+|00)886[ \-]?[2-8]\d?[ \-]?\d{3,4}[ \-]?\d{4}(?!\d)"
    r"|(?:(?:\+|00)852[ \-]?|[(（]852[)）][ \-]?)[2-9]\d{3}[ \-]?\d{4}(?!\d)"
    # Macau: 6 begins a mobile number, 28 and 8 a fixed line.
    r"|(?:(?:\+|00)853[ \-]?|[(（]853[)）][ \-]?)(?:6\d|28|8\d)\d{2}[ \-]?\d{4}(?!\d)"
)
# Without an area code, or written in one: only where something calls it a phone.
_BARE = re.compile(rf"{_MAINLAND}[2-8]\d{{6,7}}(?!\d)|[2-9]\d{{3}}[ \-]?\d{{4}}(?!\d)|[2-8]\d{{6}}(?!\d)")


def find_phones(text: str, begin: int, stop: int) -> Iterator[Found]:
    """Yield the fixed lines within [begin, stop); mobiles of Hong Kong and Macau too, which look no different."""
    for match in _AREA.finditer(text, begin, stop):
        start, end = match.span()
        if _is_whole(text, start, end) and not is_called_otherwise(text, start):
            yield Found(start, end, "PHONE")
    for match in _BARE.finditer(text, begin, stop):
        start, end = match.span()
        if is_called_phone(text, start) and _is_whole(text, start, end):
            yield Found(start, end, "PHONE")


def _is_whole(text: str, start: int, end: int) -> bool:
    """Return whether no digit goes on on either side, not even after a hyphen: 2024-0755-2345678."""
    if re.search(r"\d[ \-.]?$", text[max(0, start - 2) : start]) or re.match(r"[.\-]\d", text[end : end + 2]):
        return False
    return stands_free(text, start, end)
