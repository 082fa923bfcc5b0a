"""What a text must hold for a finder of personal data to find something in it, looked for in several texts at once.

A trace is necessary, not sufficient: where there is none, the finder is not asked. Most texts leave a trace of one or
two finders at most, such as the digits of a date.

Shape suffixes: C characters of all texts.
"""

from __future__ import annotations

from enum import IntFlag
from functools import cache

import numpy as np
import numpy.typing as npt

from hanhua.filtering.document import Drafts
from hanhua.filtering.joined import Joined, Positions
from hanhua.filtering.pii.accounts import QQ_BEGINNINGS, WECHAT_BEGINNINGS
from hanhua.filtering.pii.codes import PROVINCES
from hanhua.filtering.pii.found import WIDE
from hanhua.filtering.pii.online import SPOKEN_BEGINNINGS
from hanhua.filtering.pii.spelled import NUMERALS
from hanhua.filtering.seeds import Seeds
from hanhua.zh_text.folding import code_points


class Traces(IntFlag):
    """The finders that may find something."""

    EMAIL = 1
    SPOKEN_EMAIL = 2
    NUMBERS = 4
    PLATE = 8
    IP = 16
    SPELLED = 32
    QQ = 64
    WECHAT = 128
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


def traces(drafts: Drafts) -> list[Traces]:
    """Return what each text may hold; a view. Text in full-width letters or digits may hold anything."""
    texts = drafts.joined
    kinds_C = _table().take(texts.codes, mode="clip")
    found = np.zeros(len(texts.bounds), dtype=np.int64)
    for trace, counts in (
        (Traces.ALL, texts.counts((kinds_C & _WIDE) > 0)),
        (Traces.EMAIL, texts.counts((kinds_C & _AT) > 0)),
        (Traces.SPOKEN_EMAIL, _SPOKEN.counts(drafts)),
        (Traces.NUMBERS, _close(texts, np.flatnonzero(kinds_C & _IN_RUN), _RUN_DIGITS, _RUN_CHARACTERS)),
        (Traces.PLATE, _followed(texts, kinds_C, _PROVINCE, _CAPITAL)),
        (Traces.IP, _followed(texts, kinds_C, _DOT, _DIGIT)),
        (Traces.IP, _followed(texts, kinds_C, _HEX, _COLON)),
        (Traces.SPELLED, _spelled(texts, np.flatnonzero(kinds_C & _NUMERAL))),
        (Traces.QQ, _QQ.counts(drafts)),
        (Traces.WECHAT, _WECHAT.counts(drafts)),
    ):
        found |= np.where(np.array(counts) > 0, int(trace), 0)
    return list(map(Traces, found.tolist()))


_SPOKEN, _QQ, _WECHAT = Seeds(SPOKEN_BEGINNINGS), Seeds(QQ_BEGINNINGS), Seeds(WECHAT_BEGINNINGS)


def _followed(texts: Joined, kinds_C: npt.NDArray[np.uint16], first: np.uint16, second: np.uint16) -> list[int]:
    """Return how often, in each text, a character of one kind stands before one of another."""
    places = np.flatnonzero(kinds_C & first)
    after = kinds_C.take(places + 1, mode="clip")
    return np.diff(np.searchsorted(places[(after & second) > 0], texts.starts)).tolist()


def _close(texts: Joined, places: Positions, many: int, characters: int) -> list[int]:
    """Return how often, in each text, so many of the places lie within so many characters."""
    near = places[many - 1 :] - places[: max(len(places) - many + 1, 0)] < characters
    return np.diff(np.searchsorted(places[: len(near)][near], texts.starts)).tolist()


def _spelled(texts: Joined, places: Positions) -> list[int]:
    """Return the same of numerals, where one of them is no digit or a mark stands between two."""
    if len(places) < _SPELLED_NUMERALS:
        return [0] * len(texts.bounds)
    beyond = np.concatenate([[0], np.cumsum(texts.codes[places] > 0x7F)])
    some = beyond[_SPELLED_NUMERALS:] > beyond[:-_SPELLED_NUMERALS]
    spans = places[_SPELLED_NUMERALS - 1 :] - places[: 1 - _SPELLED_NUMERALS]
    near = (spans < _SPELLED_CHARACTERS) & (some | (spans >= _SPELLED_NUMERALS))
    return np.diff(np.searchsorted(places[: len(near)][near], texts.starts)).tolist()


@cache
def _table() -> npt.NDArray[np.uint16]:
    table = np.zeros(_TABLE_SIZE, dtype=np.uint16)
    for kind, characters in _KINDS:
        table[code_points(characters)] |= kind
    return table
