"""Whether three models come from one base, by samples of their weights.

Two models tuned from one base point almost the same way, tensor by tensor; two trained apart are at right angles. And
what two tunings add is nearly unrelated: where it points the same way, both hold something this base does not have, so
it is another version of their base, or one of them was made of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError
from hanhua.vocab_extension.chat_vector.models import Models, Triple
from hanhua.vocab_extension.resize.shards import tensor_rows, to_float32
from hanhua.weights import StoredTensor

Matrix = npt.NDArray[np.float64]
SAMPLES, SAMPLE_VALUES = 4, 16_384
MIN_SIMILARITY = 0.5
"""Least median cosine of two models' matrices; models of one base have above 0.9, unrelated ones next to 0."""
MAX_SHARED_DIRECTION = 0.5
"""Greatest cosine between what adapting and what tuning added to the base."""


@dataclass(frozen=True)
class BaseCheck:
    """What samples of the matrices say.

    unchanged: tensors of the adapted model whose sampled bits are the base's, of `tensors`. adapted, instruct: median
    cosine with the base. shared_direction: cosine between what was added to each; None where one added nothing.
    """

    tensors: int
    unchanged: int
    adapted: float
    instruct: float
    shared_direction: float | None
    instruct_added: float


def measure_shared_base(triples: Mapping[str, Triple]) -> BaseCheck:
    """Measure how the three models are related, reading a few slices of each matrix."""
    grams = [_gram(triple) for triple in triples.values() if len(triple.adapted.shape) > 1]
    pooled = sum(grams, np.zeros((3, 3)))
    adapted_added, instruct_added, both = pooled[1, 1], pooled[2, 2], pooled[1, 2]
    shared = None if not adapted_added * instruct_added else float(both / np.sqrt(adapted_added * instruct_added))
    return BaseCheck(
        tensors=len(grams),
        unchanged=sum(not gram[1, 1] for gram in grams),
        adapted=float(np.median([_cosine(gram, 1) for gram in grams])),
        instruct=float(np.median([_cosine(gram, 2) for gram in grams])),
        shared_direction=shared,
        instruct_added=float(np.sqrt(instruct_added / max(pooled[0, 0], 1e-300))),
    )


def check_shared_base(models: Models, found: BaseCheck) -> None:
    """Raise InputError, naming the model that is wrong, when the three do not come from one base."""
    base, instruct, adapted = models.base.place, models.instruct.place, models.adapted.place
    for place, similarity in ((instruct, found.instruct), (adapted, found.adapted)):
        if similarity < MIN_SIMILARITY:
            raise InputError(_unrelated(place, base, similarity))
    if not found.instruct_added:
        raise InputError(f"{instruct}: its weights are those of the base {base}; name the instruct model of that base")
    if found.shared_direction is not None and found.shared_direction > MAX_SHARED_DIRECTION:
        raise InputError(
            f"{base}: not the base of {adapted} and {instruct}, or the one was made of the other: what both add to it "
            f"points the same way (cosine {found.shared_direction:.2f}, and at most {MAX_SHARED_DIRECTION} is usual). "
            "Llama 3 and 3.1 differ so; name the very base that was adapted"
        )


def _unrelated(place: Path, base: Path, similarity: float) -> str:
    return (
        f"{place}: not made of the base {base}: the cosine of their matrices is {similarity:.2f} (median), where "
        f"models of one base have above 0.9; name the base that {place.name} was made of"
    )


def _gram(triple: Triple) -> Matrix:
    """Return the inner products of base, what adapting added, and what tuning added, over samples of a matrix."""
    total = np.zeros((3, 3))
    for some in _slices(triple.rows * triple.width):
        base = _values(triple.base, some)
        added = [_values(one, some) - base for one in (triple.adapted, triple.instruct)]
        # An untrained row may be anything, NaN as well.
        vectors_3N = np.nan_to_num(np.stack([base, *added]), nan=0.0, posinf=0.0, neginf=0.0)
        total += vectors_3N @ vectors_3N.T
    return total


def _cosine(gram: Matrix, which: int) -> float:
    own = gram[0, 0] + 2 * gram[0, which] + gram[which, which]
    size = np.sqrt(gram[0, 0] * own)
    return float((gram[0, 0] + gram[0, which]) / size) if size else 1.0


def _slices(values: int) -> Iterator[slice]:
    step = max(values // SAMPLES, SAMPLE_VALUES)
    return (slice(at, min(at + SAMPLE_VALUES, values)) for at in range(0, values, step))


def _values(place: StoredTensor, some: slice) -> Matrix:
    return to_float32(tensor_rows(place).reshape(-1)[some], place.dtype).astype(np.float64)
