"""Intervals over documents: how much of a figure hangs on which documents happened to be measured.

Shape suffixes: D documents, K columns of counts, G groups of documents, R resamples.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Interval = tuple[float, float]

RESAMPLES = 1000
MAX_GROUPS = 2000
"""More documents than this are dealt into as many groups: the spread of their totals stays the same."""


def resampled_totals(columns_DK: npt.NDArray[np.int64], *, seed: int = 0) -> npt.NDArray[np.float64] | None:
    """Return the totals of K columns over documents drawn again with replacement, one row a resample.

    A figure that is a ratio of totals has its interval from the ratios of these columns, and a comparison of
    two is paired, since both are of the same documents. None below two documents: there is nothing to draw.
    """
    if len(columns_DK) < 2:
        return None
    groups_GK = _dealt(columns_DK, seed)
    return _weights(len(groups_GK), seed) @ groups_GK


def interval_of(values_R: npt.NDArray[np.float64]) -> Interval:
    """Return the 95% percentile interval of a figure's resamples; resamples that are no number do not count."""
    finite = values_R[np.isfinite(values_R)]
    low, high = np.quantile(finite, [0.025, 0.975]) if len(finite) else (0.0, 0.0)
    return (float(low), float(high))


def _dealt(columns_DK: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    documents = len(columns_DK)
    if documents <= MAX_GROUPS:
        return columns_DK.astype(np.float64)
    # Dealt like cards, so that no group is empty and all are of one size, give or take one.
    group_of = np.random.default_rng(seed).permutation(documents) % MAX_GROUPS
    columns = [np.bincount(group_of, weights=column, minlength=MAX_GROUPS) for column in columns_DK.T]
    return np.stack(columns, axis=1)


@lru_cache(maxsize=8)
def _weights(items: int, seed: int) -> npt.NDArray[np.float64]:
    """Return how often each item is drawn in each resample."""
    drawn = np.random.default_rng([seed, items]).integers(0, items, size=(RESAMPLES, items))
    drawn += np.arange(RESAMPLES)[:, None] * items
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * items).reshape(RESAMPLES, items).astype(np.float64)
