"""Which of several texts need no search, since nothing in them begins what is looked for.

A search for a pattern takes microseconds for each text that has nothing of it, which is nearly every text. All pairs of
neighbors of all texts are looked up in one table instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np
import numpy.typing as npt

from hanhua.filtering.joined import Joined, Marks
from hanhua.zh_text.folding import Codes, code_points

SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
"""What `\\s` matches."""
_BASE = np.uint32(0x9E3779B1)
_SHIFT = np.uint32(16)
_BITS = np.uint64(21)


class Seeds:
    """The first characters, up to three, of everything that a search may find, in the spellings that it may have."""

    def __init__(self, beginnings: Iterable[str]) -> None:
        codes = [code_points(beginning[:3]).tolist() for beginning in beginnings]
        self._one = sorted({one[0] for one in codes if len(one) == 1})
        self._two = np.unique(np.array([_key(one) for one in codes if len(one) == 2], dtype=np.uint64))
        self._three = np.unique(np.array([_key(one) for one in codes if len(one) == 3], dtype=np.uint64))
        firsts = np.array([one[:2] for one in codes if len(one) > 1], dtype=np.uint32).reshape(-1, 2)
        self._table = np.zeros(1 << 16, dtype=bool)
        self._table[_hashes(firsts[:, 0], firsts[:, 1])] = True

    def begin_in(self, texts: Joined) -> list[bool]:
        """Return whether one of them stands in each text."""
        return [count > 0 for count in self.counts(texts)]

    def counts(self, texts: Joined) -> list[int]:
        """Return how many of them stand in each text."""
        codes = texts.codes
        places = np.flatnonzero(self._table.take(texts.of_pairs(_hashes)))
        # What hashes alike is parted from what is the same.
        one, two, three = (codes.take(places + at, mode="clip").astype(np.uint64) for at in range(3))
        pair = one << _BITS | two
        found = _is_in(pair, self._two) | _is_in(pair << _BITS | three, self._three)
        counts = texts.counts_at(places[found])
        for code in self._one:
            counts = [a + b for a, b in zip(counts, texts.counts(codes == code), strict=True)]
        return counts

    def texts_with(self, texts: Joined, *, head: int | None = None, longest: int | None = None) -> Joined:
        """Return the texts, up to `head`, with nothing of those that hold none of them or are longer than `longest`."""
        lengths = [
            (end - begin if head is None else min(end - begin, head))
            if begun and (longest is None or end - begin <= longest)
            else 0
            for (begin, end), begun in zip(texts.bounds, self.begin_in(texts), strict=True)
        ]
        return texts.cut(lengths)


def pairs(firsts: Iterable[str], seconds: Iterable[str]) -> list[str]:
    """Return each of the firsts with each of the seconds behind it."""
    return ["".join(pair) for pair in product(firsts, seconds)]


def _hashes(firsts: Codes, seconds: Codes) -> npt.NDArray[np.uint16]:
    return (((firsts * _BASE) ^ seconds) * _BASE >> _SHIFT).astype(np.uint16)


def _key(codes: list[int]) -> int:
    return sum(code << 21 * place for place, code in enumerate(reversed(codes)))


def _is_in(keys: npt.NDArray[np.uint64], known: npt.NDArray[np.uint64]) -> Marks:
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    return known.take(np.searchsorted(known, keys), mode="clip") == keys
