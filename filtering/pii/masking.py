"""Finds all kinds of personal data in a text and replaces them by typed tags."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import cache

from hanhua.filtering.config import PII_KINDS
from hanhua.filtering.pii import traces
from hanhua.filtering.pii.accounts import find_qq, find_wechat
from hanhua.filtering.pii.codes import find_codes, find_passports, find_plates
from hanhua.filtering.pii.found import RUN_DIGITS, RUN_MARKS, WIDE, Found
from hanhua.filtering.pii.numbers import find_numbers
from hanhua.filtering.pii.online import find_emails, find_ips, find_spoken_emails
from hanhua.filtering.pii.phones import find_phones
from hanhua.filtering.pii.spelled import find_spelled

# Each of one character: offsets stay.
_NARROW = str.maketrans(WIDE, "".join(chr(ord(character) - 0xFEE0) for character in WIDE))
_HAS_WIDE = re.compile(f"[{WIDE}]")
# Only around such a run is looked for long numbers.
_RUN = re.compile(f"[0-9](?:[{re.escape(RUN_MARKS)}]{{0,2}}[0-9xX]){{{RUN_DIGITS - 1},}}")
_AROUND = 24

# Of two that overlap, the one of the finder that comes first.
_NEAR_RUNS: tuple[Callable[[str, int, int], Iterator[Found]], ...] = (
    find_numbers,
    find_codes,
    find_passports,
    find_phones,
)
_Search = Callable[[str], Iterator[Found]]
_BEFORE_NUMBERS: tuple[tuple[int, _Search], ...] = (
    (traces.EMAIL, find_emails),
    (traces.SPOKEN_EMAIL, find_spoken_emails),
)
_AFTER_NUMBERS: tuple[tuple[int, _Search], ...] = (
    (traces.PLATE, find_plates),
    (traces.IP, find_ips),
    (traces.SPELLED, find_spelled),
    (traces.QQ, find_qq),
    (traces.WECHAT, find_wechat),
)


def find_pii(text: str, may: int = traces.ALL) -> list[Found]:
    """Return the personal data of a text, in order, without overlaps.

    A number counts only if it can be real: checksums, dates, issuer ranges and area codes hold, and nothing
    in front of it calls it an order number or an ISBN. Full-width characters count as their narrow forms. may: the
    finders that may find something (`traces`).

    >>> [f.tag for f in find_pii("手机１３８-００１３-８０００，订单号13800138000")]
    ['MOBILE']
    """
    plain = text.translate(_NARROW) if may == traces.ALL and _HAS_WIDE.search(text) else text
    found: list[Found] = []
    # Again until nothing is new: what was found no longer touches its neighbors.
    while fresh := _find_once(plain, may):
        for one in fresh:
            insort(found, one, key=lambda other: other.start)
        plain, may = _without(plain, fresh), traces.ALL
    return found


def _find_once(plain: str, may: int) -> list[Found]:
    found: list[Found] = []
    for trace, search in _BEFORE_NUMBERS:
        if trace & may:
            _add_apart(found, search(plain))
    if traces.NUMBERS & may:
        regions = list(_regions(plain))
        for finder in _NEAR_RUNS:
            for begin, stop in regions:
                _add_apart(found, finder(plain, begin, stop))
    for trace, search in _AFTER_NUMBERS:
        if trace & may:
            _add_apart(found, search(plain))
    return found


def _regions(text: str) -> Iterator[tuple[int, int]]:
    """Yield the surroundings of each run of digits, joined where they meet."""
    begin = stop = 0
    for match in _RUN.finditer(text):
        start = match.start() - _AROUND
        if start > stop:
            if stop:
                yield begin, stop
            begin = max(0, start)
        stop = match.end() + _AROUND
    if stop:
        yield begin, min(stop, len(text))


def _without(text: str, found: list[Found]) -> str:
    """Return the text with each datum blotted out, brackets around it as around its tag."""
    pieces, at = [], 0
    for one in found:
        pieces += [text[at : one.start], "[", "\0" * (one.end - one.start - 2), "]"]
        at = one.end
    return "".join([*pieces, text[at:]])


def _add_apart(found: list[Found], new: Iterator[Found]) -> None:
    """Insert, in order, those that overlap nothing found before."""
    for one in new:
        at = bisect_left(found, one.end, key=lambda other: other.start)
        if at == 0 or found[at - 1].end <= one.start:
            found.insert(at, one)


def mask_pii(text: str, *, kinds: Collection[str] = PII_KINDS, may: int = traces.ALL) -> tuple[str, Counter[str]]:
    """Return the text with each datum replaced by its tag (`[MOBILE]`), and how many of each there were."""
    found = [one for one in find_pii(text, may) if one.tag in kinds] if may else []
    if not found:
        return text, Counter()
    pieces, at = [], 0
    for one in found:
        pieces += [text[at : one.start], f"[{one.tag}]"]
        at = one.end
    return "".join([*pieces, text[at:]]), Counter(one.tag for one in found)


class PiiMasker:
    """`mask_pii` as a service, for samples and reports."""

    fingerprint = "hanhua-pii-3"

    def mask(self, text: str) -> str:
        """Return the text with personal data replaced by tags."""
        return mask_pii(text)[0]


@cache
def build_masker() -> PiiMasker:
    """Return the masker of Chinese personal data."""
    return PiiMasker()
