"""Which of several texts need no search, since nothing in them begins what is looked for.

A search for a pattern takes microseconds for each text that has nothing of it, which is nearly every text. All pairs of
neighbors of all texts are looked up in one table instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np
import numpy.typing as npt

from hanhua.filtering.document import Drafts
from hanhua.zh_text.folding import Codes, code_points

SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
"""What `\\s` matches."""
_BASE = np.uint32(0x9E3779B1)
_SHIFT = np.uint32(16)


class Seeds:
    """The first two characters of everything that a search may find; each in the spellings that it may have."""

    def __init__(self, beginnings: Iterable[str]) -> None:
        pairs = np.array([code_points(beginning[:2]) for beginning in beginnings])
        self._keys = np.unique(_keys(pairs[:, 0], pairs[:, 1]))
        self._table = np.zeros(1 << 16, dtype=bool)
        self._table[_hashes(pairs[:, 0], pairs[:, 1])] = True

    def begin_in(self, drafts: Drafts) -> list[bool]:
        """Return whether one of them stands in each text; a view."""
        return [count > 0 for count in self.counts(drafts)]

    def counts(self, drafts: Drafts) -> list[int]:
        """Return how many of them stand in each text; a view."""
        texts = drafts.joined
        places = np.flatnonzero(self._table.take(drafts.view(_pair_hashes)))
        keys = _keys(texts.codes[places], texts.codes[places + 1])
        found = np.searchsorted(self._keys, keys)
        places = places[self._keys.take(found, mode="clip") == keys]
        return np.diff(np.searchsorted(places, texts.starts)).tolist()


def pairs(firsts: Iterable[str], seconds: Iterable[str]) -> list[str]:
    """Return each of the firsts with each of the seconds behind it."""
    return ["".join(pair) for pair in product(firsts, seconds)]


def _pair_hashes(drafts: Drafts) -> npt.NDArray[np.uint16]:
    codes = drafts.joined.codes
    return _hashes(codes[:-1], codes[1:])


def _hashes(firsts: Codes, seconds: Codes) -> npt.NDArray[np.uint16]:
    return (((firsts * _BASE) ^ seconds) * _BASE >> _SHIFT).astype(np.uint16)


def _keys(firsts: Codes, seconds: Codes) -> npt.NDArray[np.uint64]:
    return firsts.astype(np.uint64) << np.uint64(32) | seconds
