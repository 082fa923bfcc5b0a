"""Precision and recall of a filter from a stratified sample, each with an interval.

A judgement stands for its share of its stratum. The intervals are of the posterior: the share of unwanted texts of
each stratum is Beta distributed, with a prior worth one judgement, whose mean is the share among all that the filter
kept, or rejected. A bootstrap would be too sure of itself: a stratum in which two of two were good has no spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError
from hanhua.filtering.audit.sample import Stratum

Shares = npt.NDArray[np.float64]
DRAWS = 4000
INTERVAL = (0.025, 0.975)
PRIOR_JUDGEMENTS = 1.0
SEED = 1


@dataclass(frozen=True)
class Counted:
    """One stratum: how many texts it has, how many were judged, and how many of those were unwanted."""

    stratum: Stratum
    documents: int
    judged: int
    unwanted: int


@dataclass(frozen=True)
class Measure:
    """An estimate with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Measures:
    """What is known of a filter.

    precision: of the rejected texts, the share that is unwanted. recall: of the unwanted texts, the share that is
    rejected. good_lost: of the good texts, the share that is rejected. left: of the kept texts, the share that is
    unwanted. None where nothing was rejected, or nothing kept.
    """

    precision: Measure | None
    recall: Measure | None
    good_lost: Measure | None
    left: Measure | None


def measures_of(counted: Sequence[Counted]) -> Measures:
    """Return what the judgements say of the whole. Raises InputError where nothing was judged."""
    if not sum(one.judged for one in counted):
        raise InputError("nothing was judged yet")
    sizes = np.array([one.documents for one in counted], dtype=np.float64)
    rejected = np.array([one.stratum.rejected for one in counted])
    shares = np.array([_share(one, counted) for one in counted])
    chance = np.random.default_rng(SEED)
    prior = [_prior(one, counted) for one in counted]
    a = np.array([one.unwanted + PRIOR_JUDGEMENTS * mean for one, mean in zip(counted, prior, strict=True)])
    b = np.array(
        [one.judged - one.unwanted + PRIOR_JUDGEMENTS * (1 - mean) for one, mean in zip(counted, prior, strict=True)]
    )
    drawn = chance.beta(a, b, size=(DRAWS, len(counted)))
    return Measures(
        precision=_ratio(shares, drawn, sizes * rejected, sizes * rejected, over_all=True),
        recall=_ratio(shares, drawn, sizes * rejected, sizes),
        good_lost=_ratio(1 - shares, 1 - drawn, sizes * rejected, sizes),
        left=_ratio(shares, drawn, sizes * ~rejected, sizes * ~rejected, over_all=True),
    )


def _ratio(shares: Shares, drawn: Shares, part: Shares, whole: Shares, *, over_all: bool = False) -> Measure | None:
    """Return Σ share · part / Σ share · whole; over_all: / Σ whole."""
    below = np.full(len(drawn), whole.sum()) if over_all else drawn @ whole
    at_point = whole.sum() if over_all else shares @ whole
    if not whole.sum() or not at_point:
        return None
    value = float(shares @ part / at_point)
    low, high = np.quantile((drawn @ part) / np.maximum(below, 1e-12), INTERVAL)
    return Measure(value, min(float(low), value), max(float(high), value))


def _share(one: Counted, counted: Sequence[Counted]) -> float:
    """Return the share of unwanted texts of a stratum; of one nobody judged, that of its side."""
    return one.unwanted / one.judged if one.judged else _prior(one, counted)


def _prior(one: Counted, counted: Sequence[Counted]) -> float:
    side = [other for other in counted if other.stratum.rejected is one.stratum.rejected]
    return (sum(other.unwanted for other in side) + 0.5) / (sum(other.judged for other in side) + 1)
