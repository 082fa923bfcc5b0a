"""The rows of one matrix of the base, and which of them training never reached.

Shape suffixes: V base rows, C rows of one slice, D width. A slice is held in memory, never the matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from hanhua.vocab_extension.resize.shards import to_float32

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
_SLICE_VALUES = 1 << 23
# A row that training never moved is left at (almost) zero in Llama 3's embeddings; a hundredth of the usual
# norm is far below any trained row, and far above those.
UNTRAINED_NORM_RATIO = 0.01
# A token that is never a target is pushed by every step the same way: such rows of a head end up as copies of one
# vector but for rounding, whatever they began as. Rows of two trained tokens are not nearly this close.
DUPLICATE_DISTANCE_RATIO = 0.05


@dataclass(frozen=True)
class Rows:
    """The rows of one matrix: `stored_VD` as in the file, and which were ever trained."""

    stored_VD: npt.NDArray[Any]
    dtype: str
    norms_V: Floats
    trained_V: npt.NDArray[np.bool_]

    def floats(self, ids: Ids) -> Floats:
        """Return some rows as float32."""
        return to_float32(self.stored_VD[ids], self.dtype)

    @property
    def width(self) -> int:
        """Values in a row."""
        return int(self.stored_VD.shape[1])

    @property
    def untrained_ids(self) -> list[int]:
        """Ids whose rows were never trained."""
        return [int(id_) for id_ in np.flatnonzero(~self.trained_V)]

    def mean_over(
        self, ids: Ids, value_of: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
    ) -> npt.NDArray[np.float64]:
        """Return the mean over some rows of a function of rows (C, D), a slice at a time; zeros for no row."""
        total_D = np.zeros(self.width, dtype=np.float64)
        for some in _slices(len(ids), self.width):
            total_D += value_of(self.floats(ids[some]).astype(np.float64)).sum(axis=0)
        return total_D / max(len(ids), 1)


def examine_rows(stored_VD: npt.NDArray[Any], dtype: str, *, suspects: Ids, unseen: Ids) -> Rows:
    """Measure every row, a slice at a time, and find those that training never reached.

    Reserved tokens, and in base models `<|eot_id|>` and the header tokens, never were: their rows would spoil every
    mean and norm. Known by: not finite; next to zero; a bit-for-bit copy of another row; among `suspects` (ids that
    no text holds: special tokens, unreachable tokens, padding) a near copy of another suspect; `unseen`, ids already
    known to stand in no text, such as those whose input rows were never trained. An untouched row with an
    ordinary random start cannot be told from a trained one, and is not found.
    """
    rows, width = stored_VD.shape
    norms_V = np.empty(rows, dtype=np.float32)
    hashes_V = np.empty(rows, dtype=np.uint64)
    for some in _slices(rows, width):
        slice_CD = np.ascontiguousarray(stored_VD[some])
        norms_V[some] = np.linalg.norm(to_float32(slice_CD, dtype), axis=1)
        hashes_V[some] = [xxhash.xxh3_64_intdigest(row_D) for row_D in slice_CD]
    finite_V = np.isfinite(norms_V)
    usual = float(np.median(norms_V[finite_V])) if finite_V.any() else 0.0
    moved_V = finite_V & (norms_V > UNTRAINED_NORM_RATIO * usual)
    _, same_V, counts = np.unique(hashes_V, return_inverse=True, return_counts=True)
    trained_V = moved_V & (counts[same_V] == 1)
    trained_V[unseen] = False
    found = Rows(stored_VD, dtype, norms_V, trained_V)
    # Against all of them: a start token's output may be a copy of nothing but rows already known as untrained.
    trained_V[_near_copies(found, suspects[moved_V[suspects]])] = False
    return found


def _near_copies(rows: Rows, suspects: Ids) -> Ids:
    """Return the suspects that nearly equal another one."""
    units = [_unit_rows(rows, suspects[some]) for some in _slices(len(suspects), rows.width)]
    # For unit vectors, distance² = 2 - 2 cos; rows of unlike norms are no copies, however they point.
    limit, norms = 1 - DUPLICATE_DISTANCE_RATIO**2 / 2, rows.norms_V[suspects]
    near = np.zeros(len(suspects), dtype=bool)
    at = 0
    for left_CD in units:
        own, other = slice(at, at + len(left_CD)), 0
        for right_CD in units:
            theirs = slice(other, other + len(right_CD))
            close = left_CD @ right_CD.T > limit
            close &= np.abs(np.log(norms[own, None] / norms[None, theirs])) < DUPLICATE_DISTANCE_RATIO
            if own == theirs:
                np.fill_diagonal(close, False)
            near[own] |= close.any(axis=1)
            other = theirs.stop
        at = own.stop
    return suspects[near]


def _unit_rows(rows: Rows, ids: Ids) -> npt.NDArray[np.float64]:
    return rows.floats(ids).astype(np.float64) / rows.norms_V[ids, None]


def _slices(count: int, width: int) -> Iterator[slice]:
    step = max(1, _SLICE_VALUES // max(width, 1))
    return (slice(at, min(at + step, count)) for at in range(0, count, step))
