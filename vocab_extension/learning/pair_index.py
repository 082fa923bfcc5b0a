"""Where pairs of neighboring tokens are, and which pair is the commonest.

Shape suffixes: K different pairs, P positions of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
KEY_BITS = 24
_MASK = (1 << KEY_BITS) - 1
_SORTED_BITS = 63


def pair_key(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Ints:
    """Return one integer for each pair of numbers."""
    keys: Ints = (left.astype(np.int64) << KEY_BITS) | right
    return keys


Key = TypeVar("Key", int, Ints)


def parts_of(key: Key) -> tuple[Key, Key]:
    """Return the two numbers of a key, or of each key."""
    return key >> KEY_BITS, key & _MASK


@dataclass(frozen=True)
class PairIndex:
    """K pairs in order of their keys; the positions of the k-th are positions_P[begin_K[k] :], size_K[k] of them."""

    key_K: Ints
    begin_K: Ints
    size_K: Ints
    positions_P: npt.NDArray[np.int32]

    @classmethod
    def of(cls, key_K: Ints, begin_K: Ints, positions_P: npt.NDArray[np.int32]) -> PairIndex:
        """Return the index in which each pair's positions end where the next one's begin."""
        return cls(key_K, begin_K, np.diff(begin_K, append=len(positions_P)), positions_P)

    def positions(self, key: int) -> npt.NDArray[np.int32]:
        """Return the positions of a pair; none when it is not here."""
        at = int(self.key_K.searchsorted(key))
        if at == len(self.key_K) or self.key_K[at] != key:
            return self.positions_P[:0]
        begin = self.begin_K[at]
        return self.positions_P[begin : begin + self.size_K[at]]

    def keep(self, key: int, positions: Ints) -> None:
        """Forget the other positions of a pair that is here."""
        at, number = int(self.key_K.searchsorted(key)), len(positions)
        self.positions_P[self.begin_K[at] : self.begin_K[at] + number] = positions
        self.size_K[at] = number

    def only(self, kept_K: npt.NDArray[np.bool_]) -> PairIndex:
        """Return the index of some of its pairs."""
        sizes = self.size_K[kept_K]
        positions = self.positions_P[np.repeat(kept_K, self.size_K)]
        return PairIndex(self.key_K[kept_K], np.cumsum(sizes) - sizes, sizes, positions)


def index_pairs(left_P: npt.NDArray[Any], right_P: npt.NDArray[Any], at_P: npt.NDArray[Any]) -> PairIndex:
    """Group positions by their pair; those of one pair come in ascending order."""
    if not len(at_P):
        nothing = np.zeros(0, dtype=np.int64)
        return PairIndex.of(nothing, nothing, nothing.astype(np.int32))
    at_bits, right_bits, left_bits = (int(part.max()).bit_length() for part in (at_P, right_P, left_P))
    if at_bits + right_bits + left_bits <= _SORTED_BITS:
        # As one number each: sorting numbers is many times as fast as sorting by keys, and takes less memory.
        packed_P = left_P.astype(np.int64)
        for bits, part in ((right_bits, right_P), (at_bits, at_P)):
            packed_P <<= bits
            packed_P |= part
        packed_P.sort()
        position_P = (packed_P & ((1 << at_bits) - 1)).astype(np.int32)
        packed_P >>= at_bits
        begins = _begins(packed_P)
        found_K = packed_P[begins]
        key_K = pair_key(found_K >> right_bits, found_K & ((1 << right_bits) - 1))
    else:
        order = np.lexsort((at_P, right_P, left_P))
        position_P = at_P[order].astype(np.int32)
        keys = pair_key(left_P, right_P)[order]
        begins = _begins(keys)
        key_K = keys[begins]
    return PairIndex.of(key_K, begins, position_P)


def _begins(key_P: Ints) -> Ints:
    differs = np.ones(len(key_P), dtype=bool)
    np.not_equal(key_P[1:], key_P[:-1], out=differs[1:])
    return np.flatnonzero(differs)


@dataclass
class PairQueue:
    """Pairs with the greatest weight each can still have: the greatest first, of equal ones the least key.

    Many pairs at a time come as a run, sorted once, of which only the first is in the heap.
    """

    _heap: list[tuple[int, int, int, int]] = field(default_factory=list)
    _runs: list[tuple[Ints, Ints]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._heap)

    def add_all(self, weight_K: Ints, key_K: Ints) -> None:
        """Add pairs that are in the order of their keys."""
        order = np.argsort(-weight_K, kind="stable")
        self._runs.append((weight_K[order], key_K[order]))
        self._push_next(len(self._runs) - 1, 0)

    def push(self, weight: int, key: int) -> None:
        """Add one pair."""
        heappush(self._heap, (-weight, key, -1, 0))

    def pop(self) -> tuple[int, int] | None:
        """Take the weight and the key of the first pair; None when none is left."""
        if not self._heap:
            return None
        weight, key, run, at = heappop(self._heap)
        if run >= 0:
            self._push_next(run, at + 1)
        return -weight, key

    def comes_before(self, weight: int, key: int) -> bool:
        """Return whether the first pair comes before one that is not in the queue."""
        return bool(self._heap) and self._heap[0][:2] < (-weight, key)

    def _push_next(self, run: int, at: int) -> None:
        weights, keys = self._runs[run]
        if at < len(weights):
            heappush(self._heap, (-int(weights[at]), int(keys[at]), run, at))
        else:
            self._runs[run] = (weights[:0], keys[:0])
