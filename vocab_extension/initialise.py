"""How the rows of new tokens begin, from the rows of the base tokens each is made of.

Shapes: V base rows, N new rows, D width. Only the rows being made are held in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hanhua.vocab_extension.shards import to_float32

Floats = npt.NDArray[np.float32]
Side = Literal["input", "output"]
_CHUNK_ROWS = 4096
# A row that training never moved is left at (almost) zero in Llama 3's embeddings; a hundredth of the usual
# norm is far below any trained row, and far above those.
UNTRAINED_NORM_RATIO = 0.01


@dataclass(frozen=True)
class Rows:
    """The rows of one matrix of the base: `stored_VD` as in the file, and which were ever trained."""

    stored_VD: npt.NDArray[Any]
    dtype: str
    norms_V: Floats
    trained_V: npt.NDArray[np.bool_]

    def floats(self, ids: npt.NDArray[np.int64]) -> Floats:
        """Return some rows as float32."""
        return to_float32(self.stored_VD[ids], self.dtype)


@dataclass(frozen=True)
class Plan:
    """What a new token's row is made from.

    pieces: for each new token the ids of its base tokens. weights: how much each piece counts for the output
    (its number of characters). han_ids: base tokens that are Han text, whose norms are the yardstick.
    """

    pieces: Sequence[Sequence[int]]
    weights: Sequence[Sequence[float]]
    han_ids: npt.NDArray[np.int64]


def examine_rows(stored_VD: npt.NDArray[Any], dtype: str) -> Rows:
    """Measure every row, a slice at a time, and find those that were never trained.

    Reserved tokens, and in base models `<|eot_id|>` and the header tokens, never were: their rows would spoil
    every mean and norm.
    """
    norms = np.empty(len(stored_VD), dtype=np.float32)
    for at in range(0, len(stored_VD), _CHUNK_ROWS):
        norms[at : at + _CHUNK_ROWS] = np.linalg.norm(to_float32(stored_VD[at : at + _CHUNK_ROWS], dtype), axis=1)
    finite = np.isfinite(norms)
    usual = float(np.median(norms[finite])) if finite.any() else 0.0
    return Rows(stored_VD, dtype, norms, finite & (norms > UNTRAINED_NORM_RATIO * usual))


def new_rows(method: str, rows: Rows, plan: Plan, *, side: Side, seed: int, initializer_range: float) -> Floats:
    """Return the new rows (N, D) by the named method.

    mean: the plain mean of the pieces. calibrated (Joshi et al., arXiv 2608.03494): that mean scaled to the
    usual norm of Han rows for the input; the mean weighted by length for the output. gaussian: drawn with the
    mean and spread of the trained rows in each dimension. random: normal with the model's initializer_range.
    """
    if method in ("gaussian", "random"):
        return _drawn(method, rows, len(plan.pieces), side=side, seed=seed, initializer_range=initializer_range)
    weights = plan.weights if method == "calibrated" and side == "output" else None
    made = _means(rows, plan.pieces, weights, fallback=_usual_row(rows, plan))
    if method == "calibrated" and side == "input":
        yardstick = _usual_norm(rows, plan)
        made *= yardstick / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
    return made.astype(np.float32)


def _means(
    rows: Rows, pieces: Sequence[Sequence[int]], weights: Sequence[Sequence[float]] | None, *, fallback: Floats
) -> Floats:
    made = np.empty((len(pieces), rows.stored_VD.shape[1]), dtype=np.float32)
    for n, ids in enumerate(pieces):
        ids_P = np.asarray(ids, dtype=np.int64)
        weight_P = np.ones(len(ids_P)) if weights is None else np.asarray(weights[n], dtype=np.float64)
        weight_P = weight_P * rows.trained_V[ids_P]
        total = weight_P.sum()
        # A token of untrained pieces only (never seen in Llama 3) begins as the usual Han row.
        made[n] = weight_P @ rows.floats(ids_P).astype(np.float64) / total if total > 0 else fallback
    return made


def _yardstick_ids(rows: Rows, plan: Plan) -> npt.NDArray[np.int64]:
    trained = plan.han_ids[rows.trained_V[plan.han_ids]]
    return trained if len(trained) else np.flatnonzero(rows.trained_V)


def _usual_norm(rows: Rows, plan: Plan) -> float:
    ids = _yardstick_ids(rows, plan)
    return float(rows.norms_V[ids].mean(dtype=np.float64)) if len(ids) else 0.0


def _usual_row(rows: Rows, plan: Plan) -> Floats:
    ids = _yardstick_ids(rows, plan)
    if not len(ids):
        return np.zeros(rows.stored_VD.shape[1], dtype=np.float32)
    total = _chunked(rows, ids, lambda rows_CD: rows_CD.sum(axis=0))
    return (total / len(ids)).astype(np.float32)


def _drawn(method: str, rows: Rows, number: int, *, side: Side, seed: int, initializer_range: float) -> Floats:
    generator = np.random.Generator(np.random.Philox([seed, 0 if side == "input" else 1]))
    noise = generator.standard_normal((number, rows.stored_VD.shape[1]))
    if method == "random":
        return (noise * initializer_range).astype(np.float32)
    ids = np.flatnonzero(rows.trained_V)
    mean = _chunked(rows, ids, lambda rows_CD: rows_CD.sum(axis=0)) / max(len(ids), 1)
    variance = _chunked(rows, ids, lambda rows_CD: ((rows_CD - mean) ** 2).sum(axis=0)) / max(len(ids), 1)
    return (mean + noise * np.sqrt(variance)).astype(np.float32)


def _chunked(
    rows: Rows,
    ids: npt.NDArray[np.int64],
    total_of: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64]:
    total = np.zeros(rows.stored_VD.shape[1], dtype=np.float64)
    for at in range(0, len(ids), _CHUNK_ROWS):
        total += total_of(rows.floats(ids[at : at + _CHUNK_ROWS]).astype(np.float64))
    return total
