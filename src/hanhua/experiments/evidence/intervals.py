"""Intervals over documents and seeds together. No torch.

Shape suffixes: S seeds, D documents, R resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
STUDENT_975 = (math.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Upper 2.5% point of Student's t by degrees of freedom, to 10; above, the normal one is within a tenth."""
NORMAL_975 = 1.96


@dataclass(frozen=True)
class Difference:
    """A difference of two arms, as a share of the reference's bits, with its interval. absolute: bits per byte."""

    share: float
    low: float
    high: float
    absolute: float


def widening(seeds: int) -> float:
    """Return by how much the spread of so many seeds is widened before they are drawn.

    Drawing three seeds with replacement understates their spread twice: their own mean is nearest to them, and three
    say little about a spread. With this factor the interval of seeds alone is about Student's.

    >>> round(widening(3), 3), widening(1)
    (2.689, 0.0)
    """
    if seeds < 2:
        return 0.0
    student = STUDENT_975[seeds - 1] if seeds - 1 < len(STUDENT_975) else NORMAL_975
    return math.sqrt(seeds / (seeds - 1)) * student / NORMAL_975


def paired_difference(
    arm_SD: Floats, reference_SD: Floats, bytes_D: Floats, *, resamples: int, seed: int = 0, level: float = 0.95
) -> Difference:
    """Return how many more bits an arm takes than the reference: the same documents, and seed against seed.

    arm_SD, reference_SD: bits by seed and document. Documents and seeds are drawn at once (a crossed bootstrap).
    """
    return _difference(arm_SD - reference_SD, reference_SD, bytes_D, resamples=resamples, seed=seed, level=level)


def unpaired_difference(
    arm_SD: Floats, reference_SD: Floats, bytes_D: Floats, *, resamples: int, seed: int = 0, level: float = 0.95
) -> Difference:
    """Return the same for runs whose seeds have nothing to do with one another: each seed meets each."""
    pairs_SD = (arm_SD[:, None] - reference_SD[None]).reshape(-1, arm_SD.shape[1])
    point = _difference(pairs_SD, reference_SD, bytes_D, resamples=0, seed=seed, level=level)
    drawn_RD = _documents(len(bytes_D), resamples, seed)
    base_R = drawn_RD @ reference_SD.mean(axis=0)
    generator = np.random.default_rng([seed, 1])
    sides_R = [_seed_means(drawn_RD @ side_SD.T, generator) for side_SD in (arm_SD, reference_SD)]
    low, high = np.quantile((sides_R[0] - sides_R[1]) / base_R, [(1 - level) / 2, (1 + level) / 2])
    return Difference(point.share, float(low), float(high), point.absolute)


def _difference(
    difference_SD: Floats, reference_SD: Floats, bytes_D: Floats, *, resamples: int, seed: int, level: float
) -> Difference:
    base = reference_SD.mean(axis=0).sum()
    total = difference_SD.mean(axis=0).sum()
    share, absolute = float(total / base), float(total / bytes_D.sum())
    if not resamples:
        return Difference(share, math.nan, math.nan, absolute)
    drawn_RD = _documents(len(bytes_D), resamples, seed)
    means_R = _seed_means(drawn_RD @ difference_SD.T, np.random.default_rng([seed, 1]))
    found_R = means_R / (drawn_RD @ reference_SD.mean(axis=0))
    low, high = np.quantile(found_R, [(1 - level) / 2, (1 + level) / 2])
    return Difference(share, float(low), float(high), absolute)


def _documents(documents: int, resamples: int, seed: int) -> Floats:
    """Return how often each document is drawn in each resample, (R, D)."""
    generator = np.random.default_rng([seed, 0])
    return generator.multinomial(documents, np.full(documents, 1 / documents), size=resamples).astype(np.float64)


def _seed_means(sums_RS: Floats, generator: np.random.Generator) -> Floats:
    """Return the mean over drawn seeds of each resample, their spread widened."""
    resamples, seeds = sums_RS.shape
    mean_R1 = sums_RS.mean(axis=1, keepdims=True)
    drawn_RS = generator.integers(0, seeds, size=(resamples, seeds))
    apart_R: Floats = np.take_along_axis(sums_RS - mean_R1, drawn_RS, axis=1).mean(axis=1)
    return np.asarray(mean_R1[:, 0] + widening(seeds) * apart_R)


def crossing(xs: Floats, ours: Floats, theirs: Floats) -> float | None:
    """Return from where on the first curve stays at or below the second, to the end; None where it never does.

    xs: ascending places at which both are known. Between two of them the curves are straight.

    >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([4.0, 2.0, 1.0]), np.array([3.0, 2.5, 2.0]))
    0.6666666666666666
    """
    apart = ours - theirs
    if apart[-1] > 0:
        return None
    above = np.flatnonzero(apart > 0)
    if not len(above):
        return float(xs[0])
    last = int(above[-1])
    part = apart[last] / (apart[last] - apart[last + 1])
    return float(xs[last] + part * (xs[last + 1] - xs[last]))
