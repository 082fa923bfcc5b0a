"""What a text must hold for a finder of personal data to find something in it, looked for in several texts at once.

A trace is necessary, not sufficient: where there is none, the finder is not asked. Most texts leave a trace of one or
two finders at most, such as the digits of a date.

Shape suffixes: C characters of all texts.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from hanhua.filtering.document import Drafts
from hanhua.filtering.joined import Positions
from hanhua.filtering.pii.accounts import QQ_BEGINNINGS, WECHAT_BEGINNINGS
from hanhua.filtering.pii.codes import PROVINCES
from hanhua.filtering.pii.found import RUN_DIGITS, RUN_MARKS, WIDE
from hanhua.filtering.pii.online import SPOKEN_BEGINNINGS
from hanhua.filtering.pii.spelled import NUMERALS
from hanhua.filtering.seeds import Family
from hanhua.zh_text.folding import Codes, code_points

EMAIL, SPOKEN_EMAIL, NUMBERS, PLATE, IP, SPELLED, QQ, WECHAT = (1 << number for number in range(8))
"""The finders, as bits."""
ALL = 255

_WIDE, _AT, _DIGIT, _IN_RUN, _HEX, _DOT, _COLON, _PROVINCE, _CAPITAL, _NUMERAL, _GAP = (
    np.uint16(1 << n) for n in range(11)
)
_KINDS = (
    (_WIDE, WIDE),
    (_AT, "@"),
    (_DIGIT, "0123456789"),
    (_IN_RUN, "0123456789xX"),
    (_HEX, "0123456789abcdefABCDEF"),
    (_DOT, "."),
    (_COLON, ":"),
    (_PROVINCE, PROVINCES),
    (_CAPITAL, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    (_NUMERAL, NUMERALS),
    (_GAP, RUN_MARKS),
)
_TABLE_SIZE = 0x10000
Kinds = npt.NDArray[np.uint16]
# Three dots with up to three digits behind each; four hexadecimal digits in front of a colon.
_IP_DOTS, _IP_CHARACTERS, _IP_HEX = 3, 9, 4
# Eleven numerals with up to one mark between any two.
_SPELLED_NUMERALS, _SPELLED_CHARACTERS = 11, 21


def traces(drafts: Drafts) -> list[int]:
    """Return which finders may find something in each text, bits of `ALL`; a view.

    Text in full-width letters or digits may hold anything.
    """
    texts = drafts.joined
    if texts.few:
        return [ALL] * len(drafts)
    kinds_C = _table().take(texts.codes, mode="clip")
    is_of = {kind: (kinds_C & kind) > 0 for kind, _ in _KINDS}
    found = np.zeros(len(texts.bounds), dtype=np.int64)
    for trace, places in (
        (ALL, np.flatnonzero(is_of[_WIDE])),
        (EMAIL, np.flatnonzero(is_of[_AT])),
        (NUMBERS, _runs(kinds_C, np.flatnonzero(is_of[_IN_RUN]))),
        (PLATE, np.flatnonzero(is_of[_PROVINCE][:-1] & is_of[_CAPITAL][1:])),
        (IP, _close(np.flatnonzero(is_of[_DOT][:-1] & is_of[_DIGIT][1:]), _IP_DOTS, _IP_CHARACTERS)),
        (IP, _behind_hex(kinds_C, np.flatnonzero(is_of[_COLON]))),
        (SPELLED, _spelled(texts.codes, np.flatnonzero(is_of[_NUMERAL]))),
    ):
        found[texts.owners(places)] |= trace
    for trace, seeds in ((SPOKEN_EMAIL, _SPOKEN), (QQ, _QQ), (WECHAT, _WECHAT)):
        found[np.array(seeds.begin_in(drafts))] |= trace
    bits: list[int] = found.tolist()
    return bits


_SPOKEN, _QQ, _WECHAT = Family(SPOKEN_BEGINNINGS), Family(QQ_BEGINNINGS), Family(WECHAT_BEGINNINGS)


def _runs(kinds_C: Kinds, places: Positions) -> Positions:
    """Return the digits with which a run begins: so many, any two neighbors with up to two marks between them."""
    apart = np.diff(places)
    near, further = (kinds_C.take(places[:-1] + step, mode="clip") & _GAP > 0 for step in (1, 2))
    linked = (apart == 1) | ((apart == 2) & near) | ((apart == 3) & near & further)
    begun = linked[: max(len(linked) - RUN_DIGITS + 2, 0)]
    for step in range(1, RUN_DIGITS - 1):
        begun = begun & linked[step : step + len(begun)]
    firsts = places[: len(begun)][begun]
    digits: Positions = firsts[kinds_C[firsts] & _DIGIT > 0]
    return digits


def _close(places: Positions, many: int, characters: int) -> Positions:
    """Return the places that, with others behind them, are so many within so many characters."""
    firsts = places[: max(len(places) - many + 1, 0)]
    return firsts[places[many - 1 :] - firsts < characters]


def _behind_hex(kinds_C: Kinds, places: Positions) -> Positions:
    """Return the places behind as many hexadecimal digits as an address begins with."""
    for step in range(1, _IP_HEX + 1):
        places = places[kinds_C.take(places - step, mode="clip") & _HEX > 0]
    return places


def _spelled(codes: Codes, places: Positions) -> Positions:
    """Return the same of numerals, where one of them is no digit or a mark stands between two."""
    if len(places) < _SPELLED_NUMERALS:
        return places[:0]
    beyond = np.concatenate([[0], np.cumsum(codes[places] > 0x7F)])
    some = beyond[_SPELLED_NUMERALS:] > beyond[:-_SPELLED_NUMERALS]
    firsts = places[: 1 - _SPELLED_NUMERALS]
    spans = places[_SPELLED_NUMERALS - 1 :] - firsts
    return firsts[(spans < _SPELLED_CHARACTERS) & (some | (spans >= _SPELLED_NUMERALS))]


@cache
def _table() -> npt.NDArray[np.uint16]:
    table = np.zeros(_TABLE_SIZE, dtype=np.uint16)
    for kind, characters in _KINDS:
        table[code_points(characters)] |= kind
    return table
