"""One tensor restored, piece by piece: adapted + scale × (instruct - base) in float32, kept in the adapted dtype.

Shape suffixes: V vocabulary rows, R rows of one slice, D width, P pieces of a block of new tokens, B new tokens of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError
from hanhua.vocab_extension.chat_vector.models import Triple
from hanhua.vocab_extension.resize.base_rows import Floats, Ids
from hanhua.vocab_extension.resize.shards import from_float32, tensor_rows, to_float32
from hanhua.weights import StoredTensor

SLICE_VALUES = 1 << 22
BLOCK_ROWS = 256
NO_IDS: Ids = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class NewRows:
    """What new rows are made of: the base tokens of each, and the base rows that were ever trained."""

    pieces: Sequence[Sequence[int]]
    trained_V: npt.NDArray[np.bool_]


def add_difference(adapted: Floats, *, base: Floats, instruct: Floats, scale: float) -> Floats:
    """Return adapted + scale × (instruct - base), each step rounded to float32.

    At a scale of 1 a value that adapting left as it was in the base becomes the instruct model's to the last bit,
    which the sum alone would miss where instruct - base was rounded.
    """
    difference = instruct - base
    if scale != 1:
        difference *= np.float32(scale)
    difference += adapted
    if scale == 1:
        np.copyto(difference, instruct, where=adapted == base)
    return difference


def restored_bytes(triple: Triple, *, scale: float, taken: Ids = NO_IDS, new: NewRows | None = None) -> Iterator[bytes]:
    """Yield the bytes of a restored tensor, in order.

    taken: old rows that become the instruct model's whatever the scale. new: what the rows behind the common ones
    get; None leaves them. Raises InputError where a sum is no number, or too great for the dtype.
    """
    yield from _old_rows(triple, scale, taken)
    at = triple.rows
    if new is not None and scale:
        for block_BD in _new_rows(triple, scale, new):
            yield block_BD.tobytes()
            at += len(block_BD)
    yield from _as_they_are(triple.adapted, at)


def _old_rows(triple: Triple, scale: float, taken: Ids) -> Iterator[bytes]:
    step = max(1, SLICE_VALUES // triple.width)
    for begin in range(0, triple.rows, step):
        some = slice(begin, min(begin + step, triple.rows))
        stored_RD = np.array(_rows(triple.adapted)[some])
        if scale:
            adapted_RD, base_RD, own_RD = (
                to_float32(_rows(place)[some], place.dtype) for place in (triple.adapted, triple.base, triple.instruct)
            )
            sum_RD = add_difference(adapted_RD, base=base_RD, instruct=own_RD, scale=scale)
            stored_RD = _stored(sum_RD, triple.adapted, instead=stored_RD)
        here = taken[(taken >= begin) & (taken < some.stop)]
        if len(here):
            own_RD = to_float32(_rows(triple.instruct)[here], triple.instruct.dtype)
            stored_RD[here - begin] = _stored(own_RD, triple.adapted, instead=stored_RD[here - begin])
        yield stored_RD.tobytes()


def _new_rows(triple: Triple, scale: float, new: NewRows) -> Iterator[npt.NDArray[Any]]:
    """Yield the stored new rows, the mean of their pieces' differences added; pieces never trained do not count."""
    adapted_VD, base_VD, instruct_VD = (_rows(place) for place in (triple.adapted, triple.base, triple.instruct))
    for at in range(0, len(new.pieces), BLOCK_ROWS):
        pieces = new.pieces[at : at + BLOCK_ROWS]
        rows = slice(triple.rows + at, triple.rows + at + len(pieces))
        ids_P = np.array([id_ for ids in pieces for id_ in ids], dtype=np.int64)
        counts_P1 = new.trained_V[ids_P, None].astype(np.float64)
        base_PD = to_float32(base_VD[ids_P], triple.base.dtype)
        own_PD = to_float32(instruct_VD[ids_P], triple.instruct.dtype)
        # Untrained rows may hold NaN, which a weight of zero would not remove.
        added_PD = np.where(counts_P1 > 0, own_PD - base_PD, np.float32(0)).astype(np.float64)
        starts_B = np.cumsum([0, *(len(ids) for ids in pieces[:-1])])
        totals_B1 = np.maximum(np.add.reduceat(counts_P1, starts_B, axis=0), 1)
        mean_BD = (np.add.reduceat(added_PD, starts_B, axis=0) / totals_B1).astype(np.float32)
        sum_BD = to_float32(adapted_VD[rows], triple.adapted.dtype) + np.float32(scale) * mean_BD
        yield _stored(sum_BD, triple.adapted, instead=adapted_VD[rows])


def _as_they_are(place: StoredTensor, at: int) -> Iterator[bytes]:
    rows_VD = _rows(place)
    step = max(1, SLICE_VALUES // rows_VD.shape[1])
    for begin in range(at, len(rows_VD), step):
        yield rows_VD[begin : begin + step].tobytes()


def _rows(place: StoredTensor) -> npt.NDArray[Any]:
    return tensor_rows(place).reshape(place.shape[0], -1)


def _stored(values: Floats, place: StoredTensor, *, instead: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return values in the dtype of a tensor; what is no number in the adapted model already stays (`instead`)."""
    with np.errstate(over="ignore"):
        stored = from_float32(values, place.dtype)
    bad = ~np.isfinite(to_float32(stored, place.dtype))
    if bad.any():
        if np.isfinite(to_float32(instead[bad], place.dtype)).any():
            raise InputError(
                f"{place.name}: a restored value is no number, or too great for {place.dtype}; the base or the "
                "instruct model has such weights itself, or the scale is too great"
            )
        stored[bad] = instead[bad]
    return stored
