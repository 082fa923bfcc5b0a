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
from hanhua.filtering.pii.found import WIDE
from hanhua.filtering.pii.online import SPOKEN_BEGINNINGS
from hanhua.filtering.pii.spelled import NUMERALS
from hanhua.filtering.seeds import Family
from hanhua.zh_text.folding import Codes, code_points

EMAIL, SPOKEN_EMAIL, NUMBERS, PLATE, IP, SPELLED, QQ, WECHAT = (1 << number for number in range(8))
"""The finders, as bits."""
ALL = 255

_WIDE, _AT, _DIGIT, _IN_RUN, _HEX, _DOT, _COLON, _PROVINCE, _CAPITAL, _NUMERAL = (np.uint16(1 << n) for n in range(10))
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
)
_TABLE_SIZE = 0x10000
# Five digits with up to two marks between any two; eleven numerals with up to one.
_RUN_DIGITS, _RUN_CHARACTERS = 5, 13
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
        (NUMBERS, _close(np.flatnonzero(is_of[_IN_RUN]), _RUN_DIGITS, _RUN_CHARACTERS)),
        (PLATE, np.flatnonzero(is_of[_PROVINCE][:-1] & is_of[_CAPITAL][1:])),
        (IP, np.flatnonzero(is_of[_DOT][:-1] & is_of[_DIGIT][1:])),
        (IP, np.flatnonzero(is_of[_HEX][:-1] & is_of[_COLON][1:])),
        (SPELLED, _spelled(texts.codes, np.flatnonzero(is_of[_NUMERAL]))),
    ):
        found[texts.owners(places)] |= trace
    for trace, seeds in ((SPOKEN_EMAIL, _SPOKEN), (QQ, _QQ), (WECHAT, _WECHAT)):
        found[np.array(seeds.begin_in(drafts))] |= trace
    bits: list[int] = found.tolist()
    return bits


_SPOKEN, _QQ, _WECHAT = Family(SPOKEN_BEGINNINGS), Family(QQ_BEGINNINGS), Family(WECHAT_BEGINNINGS)


def _close(places: Positions, many: int, characters: int) -> Positions:
    """Return the places that, with others behind them, are so many within so many characters."""
    firsts = places[: max(len(places) - many + 1, 0)]
    return firsts[places[many - 1 :] - firsts < characters]


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
