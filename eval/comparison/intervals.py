"""Intervals and paired tests: how much of a difference the items alone would make.

They cover the sampling of documents, questions and prompts; not training seeds, and reports say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Interval = tuple[float, float]

RESAMPLES = 1000
Z_95 = 1.959963984540054


def wilson(successes: int, trials: int) -> Interval:
    """Return the 95% Wilson score interval of a rate; (0, 1) for no trials.

    Unlike the normal interval it is not empty at 0 or 1, where small evaluations often are.
    Source: Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953
    """
    if trials == 0:
        return (0.0, 1.0)
    rate, z2 = successes / trials, Z_95**2
    center = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2))
    low = 0.0 if successes == 0 else max(0.0, center - half)
    high = 1.0 if successes == trials else min(1.0, center + half)
    return (low, high)


def bootstrap_ratio(numerators: Sequence[float], denominators: Sequence[float], *, seed: int) -> Interval | None:
    """Return the 95% bootstrap interval of Σ numerators ÷ Σ denominators over items; `None` below two items.

    The items (documents, questions) are drawn, with both their values; so a difference of two models is
    paired when its numerators are differences by item.
    """
    items = len(numerators)
    if items < 2:
        return None
    top, bottom = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    generator = np.random.default_rng(seed)
    ratios = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn: npt.NDArray[np.int64] = generator.integers(0, items, size=items)
        ratios[i] = top[drawn].sum() / bottom[drawn].sum()
    low, high = np.quantile(ratios, [0.025, 0.975])
    return (float(low), float(high))


def bootstrap_macro(groups: Sequence[Sequence[float]], *, seed: int) -> Interval:
    """Return the 95% bootstrap interval of the mean of the groups' means, drawing items inside each group.

    The groups (subjects) are those of the benchmark and are not drawn: another benchmark would have others.
    """
    generator = np.random.default_rng(seed)
    means = np.zeros(RESAMPLES)
    for group in groups:
        values = np.asarray(group, dtype=np.float64)
        means += values[generator.integers(0, len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means / len(groups), [0.025, 0.975])
    return (float(low), float(high))


@dataclass(frozen=True)
class Paired:
    """One yes/no outcome of two models on the same items: how many in each cell, and McNemar's p."""

    both: int
    only_before: int
    only_after: int
    neither: int
    p_value: float


def mcnemar(before: Sequence[bool], after: Sequence[bool]) -> Paired:
    """Compare two models item by item with McNemar's exact test.

    Only the items on which they differ say anything: under "no difference" each is a fair coin.
    """
    pairs = list(zip(before, after, strict=True))
    only_before = sum(b and not a for b, a in pairs)
    only_after = sum(a and not b for b, a in pairs)
    both = sum(b and a for b, a in pairs)
    p_value = fair_coin_p(min(only_before, only_after), only_before + only_after)
    return Paired(both, only_before, only_after, len(pairs) - both - only_before - only_after, p_value)


def fair_coin_p(rarer: int, tosses: int) -> float:
    """Return the two-sided exact p of `rarer` or fewer heads, or as few tails, in that many fair tosses.

    >>> round(fair_coin_p(1, 10), 5)
    0.02148
    """
    if 2 * rarer >= tosses:
        return 1.0
    # In logarithms: comb(5000, 2500) does not fit a float.
    log_half = tosses * math.log(0.5)
    terms = (
        math.lgamma(tosses + 1) - math.lgamma(k + 1) - math.lgamma(tosses - k + 1) + log_half for k in range(rarer + 1)
    )
    return min(1.0, 2 * math.fsum(math.exp(term) for term in terms))
