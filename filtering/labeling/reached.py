"""What a classifier of the labels at hand would reach: how much it finds at a share of false alarms, how sure that is.

Each labeled text gets the margin of a classifier that has not seen it. Labels were drawn where the classifier is
unsure, and so say little of the corpus as they are: they are weighted so that their margins are spread as those of all
candidates. The threshold is the margin above which at most the allowed share of wanted texts lies, and recall the share
of unwanted ones above it. The interval is of resampled labels (bootstrap, 95%), threshold and all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MIN_OF_EACH = 10
"""Labels of each kind that an estimate needs."""
RESAMPLED = 400
INTERVAL = (0.025, 0.975)
SEED = 1
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
"""Of the candidates' margins: bounds of the groups in which labels count for as many candidates."""
MIN_IN_GROUP = 8
PAYS = 0.02
"""A doubling of the labels that brings less recall than this does not pay."""


@dataclass(frozen=True)
class Reached:
    """What `judged` labels reach. gain: what the last doubling of the labels brought; None where that is not known.

    threshold: the margin from which a text is rejected. low, high: the interval of the recall.
    """

    judged: int
    unwanted: int
    max_false_alarms: float
    threshold: float
    recall: float
    low: float
    high: float
    gain: float | None

    @property
    def pays(self) -> bool:
        """Whether more labels are worth the while, as far as it can be told."""
        return self.gain is None or self.gain >= PAYS


def reached(
    margins: Values, unwanted: Flags, of_all: Values, *, max_false_alarms: float, margins_of_half: Values | None = None
) -> Reached | None:
    """Return what is reached; None for fewer than `MIN_OF_EACH` labels of a kind.

    margins: of the labeled texts, each by a classifier that has not seen it. of_all: of the candidates that are not
    labeled. margins_of_half: the same as `margins` of classifiers that learned from half of the labels.
    """
    if min(unwanted.sum(), (~unwanted).sum()) < MIN_OF_EACH:
        return None
    weights = spread_weights(margins, of_all)
    threshold = threshold_for(margins, unwanted, weights, max_false_alarms)
    recall = _share_above(margins, unwanted, weights, threshold)
    low, high = _interval(margins, unwanted, weights, max_false_alarms)
    gain = None
    if margins_of_half is not None:
        threshold_of_half = threshold_for(margins_of_half, unwanted, weights, max_false_alarms)
        gain = recall - _share_above(margins_of_half, unwanted, weights, threshold_of_half)
    return Reached(
        len(margins),
        int(unwanted.sum()),
        max_false_alarms,
        threshold,
        recall,
        min(low, recall),
        max(high, recall),
        gain,
    )


def spread_weights(margins: Values, of_all: Values) -> Values:
    """Return for how many candidates each label stands, so that weighted labels are spread as all candidates are."""
    everything = np.concatenate([margins, of_all])
    bounds = np.unique(np.quantile(everything, QUANTILES))
    group, group_of_all = np.searchsorted(bounds, margins), np.searchsorted(bounds, everything)
    labels = np.bincount(group, minlength=len(bounds) + 1)
    joined, current, held = np.zeros(len(labels), dtype=np.int64), 0, 0
    # From the top, where the threshold will lie, groups of too few labels are joined with the next.
    for number in range(len(labels) - 1, -1, -1):
        joined[number] = current
        held += labels[number]
        if held >= MIN_IN_GROUP and labels[:number].sum() >= MIN_IN_GROUP:
            current, held = current + 1, 0
    shares = np.bincount(joined[group_of_all], minlength=current + 1) / np.maximum(
        np.bincount(joined[group], minlength=current + 1), 1
    )
    return np.asarray(shares[joined[group]], dtype=np.float64)


def threshold_for(margins: Values, unwanted: Flags, weights: Values, max_false_alarms: float) -> float:
    """Return a margin from which at most the allowed share of wanted texts, by weight, is rejected.

    Of those that find as many unwanted texts, it is the one halfway to the next of these, so that wanted texts that are
    a little worse than those labeled are let through.
    """
    wanted = np.flatnonzero(~unwanted)
    order = wanted[np.argsort(-margins[wanted], kind="stable")]
    above = np.cumsum(weights[order])
    allowed = max_false_alarms * above[-1]
    edge = float(margins[order[int(np.searchsorted(above, allowed, side="right"))]])
    next_up = margins[unwanted & (margins > edge)]
    return float((edge + next_up.min()) / 2) if len(next_up) else float(np.nextafter(edge, np.inf))


def _share_above(margins: Values, chosen: Flags, weights: Values, threshold: float) -> float:
    return float(weights[chosen & (margins >= threshold)].sum() / weights[chosen].sum())


def _interval(margins: Values, unwanted: Flags, weights: Values, max_false_alarms: float) -> tuple[float, float]:
    chance = np.random.default_rng(SEED)
    kinds = [np.flatnonzero(unwanted), np.flatnonzero(~unwanted)]
    found = []
    for _ in range(RESAMPLED):
        drawn = np.concatenate([chance.choice(kind, len(kind)) for kind in kinds])
        m, u, w = margins[drawn], unwanted[drawn], weights[drawn]
        found.append(_share_above(m, u, w, threshold_for(m, u, w, max_false_alarms)))
    low, high = np.quantile(found, INTERVAL)
    return float(low), float(high)
