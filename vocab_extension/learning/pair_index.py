"""Where pairs of neighboring tokens are: for each pair the positions of its left token, packed into few arrays.

Shape suffixes: K different pairs, P positions of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
_BITS = 24
_MASK = (1 << _BITS) - 1


def pair_key(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Ints:
    """Return one integer for each pair of numbers."""
    keys: Ints = (left.astype(np.int64) << _BITS) | right
    return keys


Key = TypeVar("Key", int, Ints)


def parts_of(key: Key) -> tuple[Key, Key]:
    """Return the two numbers of a key, or of each key."""
    return key >> _BITS, key & _MASK


@dataclass(frozen=True)
class PairIndex:
    """K pairs in order of their keys; the positions of the k-th are positions_P[begin_K[k] : begin_K[k + 1]]."""

    key_K: Ints
    begin_K: Ints
    positions_P: npt.NDArray[np.int32]

    @property
    def sizes(self) -> Ints:
        """Return the number of positions of each pair."""
        sizes: Ints = np.diff(self.begin_K)
        return sizes

    def positions(self, key: int) -> npt.NDArray[np.int32]:
        """Return the positions of a pair; none when it is not here."""
        at = int(np.searchsorted(self.key_K, key))
        if at == len(self.key_K) or self.key_K[at] != key:
            return self.positions_P[:0]
        return self.positions_P[self.begin_K[at] : self.begin_K[at + 1]]

    def only(self, kept_K: npt.NDArray[np.bool_]) -> PairIndex:
        """Return the index of some of its pairs."""
        sizes = self.sizes
        begins = np.concatenate(([0], np.cumsum(sizes[kept_K])))
        return PairIndex(self.key_K[kept_K], begins, self.positions_P[np.repeat(kept_K, sizes)])


def index_pairs(key_P: Ints, positions_P: npt.NDArray[np.int32]) -> PairIndex:
    """Group positions by their pair; those of one pair stay in order."""
    order = np.argsort(key_P, kind="stable")
    key_P = key_P[order]
    differs = np.ones(len(key_P), dtype=bool)
    differs[1:] = key_P[1:] != key_P[:-1]
    begins = np.flatnonzero(differs)
    return PairIndex(key_P[begins], np.append(begins, len(key_P)), positions_P[order])
