"""How the rows of new tokens begin: methods by name, each with its source.

Shape suffixes: V base rows, C rows of one slice, B new rows of one block, P pieces of a block, D width. One block is
held in memory, so that the rows of a 405B take no more than those of an 8B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hanhua.errors import UsageError
from hanhua.vocab_extension.resize.base_rows import Floats, Ids, Rows
from hanhua.vocab_extension.resize.pieces import Plan

Side = Literal["input", "output"]
BLOCK_ROWS = 256
# Hewitt scales the covariance by this, so that new rows differ and still sit at the mean.
GAUSSIAN_COVARIANCE_RATIO = 1e-5


@dataclass(frozen=True)
class Draw:
    """What a method that draws needs: its generator, and the model's initializer_range."""

    generator: np.random.Generator
    initializer_range: float


Method = Callable[[Rows, Plan, Draw], Iterator[Floats]]


@dataclass(frozen=True)
class Methods:
    """The method of each matrix, by name; a tied matrix is an input."""

    input: str
    output: str

    @classmethod
    def parse(cls, text: str) -> Methods:
        """Return the methods of `NAME`, or of `INPUT+OUTPUT` where the two matrices begin differently.

        >>> Methods.parse("calibrated+mean")
        Methods(input='calibrated', output='mean')
        """
        first, plus, second = text.partition("+")
        made = cls(first, second if plus else first)
        for name in (made.input, made.output):
            if name not in METHODS:
                raise UsageError(
                    f"{text}: unknown method {name!r}; one of {', '.join(METHODS)}, or INPUT+OUTPUT of them"
                )
        return made

    def __str__(self) -> str:
        return self.input if self.input == self.output else f"{self.input}+{self.output}"


def row_blocks(
    method: str, rows: Rows, plan: Plan, *, side: Side, seed: int, initializer_range: float
) -> Iterator[Floats]:
    """Yield the new rows (B, D) by the named method, a block at a time, in the order of `plan.pieces`."""
    generator = np.random.Generator(np.random.Philox([seed, 0 if side == "input" else 1]))
    return METHODS[method][side](rows, plan, Draw(generator, initializer_range))


def mean(rows: Rows, plan: Plan, draw: Draw) -> Iterator[Floats]:
    """Yield the plain mean of the pieces' rows.

    Source: Yao et al., "Adapt-and-Distill" (Findings of ACL 2021), for words added to BERT.
    """
    return _means(rows, plan, weighted=False)


def rescaled_mean(rows: Rows, plan: Plan, draw: Draw) -> Iterator[Floats]:
    """Yield the plain mean of the pieces, scaled to the usual norm of the base's own Han rows.

    Averaging shortens: rows that point different ways cancel in part, and a short row is a weak word.
    Source: Joshi et al., arXiv 2608.03494, the input side.
    """
    ids = _yardstick_ids(rows, plan)
    usual = float(rows.norms_V[ids].mean(dtype=np.float64)) if len(ids) else 0.0
    for made_BD in _means(rows, plan, weighted=False):
        norms_B1 = np.linalg.norm(made_BD.astype(np.float64), axis=1, keepdims=True)
        yield (made_BD * (usual / np.maximum(norms_B1, 1e-12))).astype(np.float32)


def length_weighted_mean(rows: Rows, plan: Plan, draw: Draw) -> Iterator[Floats]:
    """Yield the mean of the pieces, each weighing as many characters as it is long.

    Source: Joshi et al., arXiv 2608.03494, the output side.
    """
    return _means(rows, plan, weighted=True)


def gaussian(rows: Rows, plan: Plan, draw: Draw) -> Iterator[Floats]:
    """Yield draws from a narrow normal around the mean of all trained rows, whatever a token is made of.

    A new token at the mean takes little probability from the old ones. The covariance is kept dimension by dimension.
    Source: Hewitt, "Initializing New Word Embeddings for Pretrained Language Models" (2021); `mean_resizing` of
    transformers does the same with a still narrower spread.
    """
    ids = np.flatnonzero(rows.trained_V)
    mean_D = rows.mean_over(ids, lambda rows_CD: rows_CD)
    variance_D = rows.mean_over(ids, lambda rows_CD: (rows_CD - mean_D) ** 2)
    spread_D = np.sqrt(variance_D * GAUSSIAN_COVARIANCE_RATIO)
    for noise_BD in _noise(rows, plan, draw):
        yield (mean_D + noise_BD * spread_D).astype(np.float32)


def random(rows: Rows, plan: Plan, draw: Draw) -> Iterator[Floats]:
    """Yield normal draws at the model's `initializer_range`, as before any training.

    Source: what `resize_token_embeddings(mean_resizing=False)` of transformers does.
    """
    for noise_BD in _noise(rows, plan, draw):
        yield (noise_BD * draw.initializer_range).astype(np.float32)


METHODS: dict[str, dict[Side, Method]] = {
    "mean": {"input": mean, "output": mean},
    "calibrated": {"input": rescaled_mean, "output": length_weighted_mean},
    "gaussian": {"input": gaussian, "output": gaussian},
    "random": {"input": random, "output": random},
}


def _means(rows: Rows, plan: Plan, *, weighted: bool) -> Iterator[Floats]:
    usual_D = rows.mean_over(_yardstick_ids(rows, plan), lambda rows_CD: rows_CD)
    for at in range(0, len(plan.pieces), BLOCK_ROWS):
        pieces = plan.pieces[at : at + BLOCK_ROWS]
        ids_P = np.array([id_ for ids in pieces for id_ in ids], dtype=np.int64)
        weights_P = _weights(plan.weights[at : at + BLOCK_ROWS]) if weighted else np.ones(len(ids_P))
        weights_P = weights_P * rows.trained_V[ids_P]
        starts_B = np.cumsum([0, *(len(ids) for ids in pieces[:-1])])
        # Untrained rows may hold NaN, which a weight of zero would not remove.
        values_PD = np.where(weights_P[:, None] > 0, rows.floats(ids_P).astype(np.float64) * weights_P[:, None], 0.0)
        totals_B1 = np.add.reduceat(weights_P, starts_B)[:, None]
        sums_BD = np.add.reduceat(values_PD, starts_B, axis=0)
        # A token of untrained pieces only (never seen in Llama 3) begins as the usual Han row.
        made_BD = np.where(totals_B1 > 0, sums_BD / np.where(totals_B1 > 0, totals_B1, 1.0), usual_D)
        yield made_BD.astype(np.float32)


def _weights(weights: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    return np.array([weight for some in weights for weight in some], dtype=np.float64)


def _yardstick_ids(rows: Rows, plan: Plan) -> Ids:
    trained = plan.han_ids[rows.trained_V[plan.han_ids]]
    return trained if len(trained) else np.flatnonzero(rows.trained_V)


def _noise(rows: Rows, plan: Plan, draw: Draw) -> Iterator[npt.NDArray[np.float64]]:
    for at in range(0, len(plan.pieces), BLOCK_ROWS):
        yield draw.generator.standard_normal((len(plan.pieces[at : at + BLOCK_ROWS]), rows.width))
