"""An order of data whose share of replay may change while the run goes on, and which is exact when resumed.

Replay and everything else are two rows of sequences, each drawn before the start. How many a step takes from either
follows from the shares that were in effect up to it, which a checkpoint records; so what a run has seen is a function
of the seed and of that record, and changing the share later changes nothing before.

Shape suffixes: S sequences of the whole run, T steps, B sequences of a step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hanhua.continued_pretrain.mixture import Mixture, order_mixture
from hanhua.continued_pretrain.retention.settings import ReplaySettings
from hanhua.errors import InputError

Shares = Sequence[tuple[int, float]]
"""(first step, share of replay from it on), in the order of steps; the first is of step 0."""
LEAD_STEPS = 4
"""A share takes effect this many steps after the measurement: batches up to there may have been made already."""
SLOWEST_FALL = -0.25
"""Least power of 2 by which a measurement changes the share."""


@dataclass(frozen=True)
class ReplayOrder:
    """Two orders, each long enough for the whole run. start_share: of replay at step 0."""

    replay: Mixture
    other: Mixture
    start_share: float
    batch_sequences: int

    @property
    def names(self) -> tuple[str, ...]:
        """All corpora, in one order."""
        return tuple(sorted({*self.replay.names, *self.other.names}))

    def mixture(self, shares: Shares) -> Mixture:
        """Return the order of the whole run under these shares."""
        steps = len(self.other) // self.batch_sequences
        replayed_S = _slots(self.counts(shares), self.batch_sequences)
        corpus_S = np.zeros(steps * self.batch_sequences, dtype=np.int16)
        index_S = np.zeros(len(corpus_S), dtype=np.int64)
        for part, chosen_S in ((self.replay, replayed_S), (self.other, ~replayed_S)):
            count = int(chosen_S.sum())
            number = np.array([self.names.index(name) for name in part.names], dtype=np.int16)
            corpus_S[chosen_S] = number[part.corpus_S[:count]]
            index_S[chosen_S] = part.index_S[:count]
        return Mixture(self.names, corpus_S, index_S)

    def counts(self, shares: Shares) -> npt.NDArray[np.int64]:
        """Return how many sequences of each step are replay: whole numbers whose sum keeps to the shares."""
        share_T = np.zeros(len(self.other) // self.batch_sequences)
        for step, share in shares:
            share_T[step:] = share
        whole_T = np.floor(np.cumsum(share_T * self.batch_sequences) + 1e-9).astype(np.int64)
        return np.diff(whole_T, prepend=0)

    def steer(self, mixture: Mixture, shares: Shares) -> None:
        """Put the order under these shares in place of the one in `mixture`, whose arrays others hold."""
        wanted = self.mixture(shares)
        np.copyto(mixture.corpus_S, wanted.corpus_S)
        np.copyto(mixture.index_S, wanted.index_S)


def _slots(count_T: npt.NDArray[np.int64], batch: int) -> npt.NDArray[np.bool_]:
    """Return which places of each step are replay, spread evenly over it."""
    edge_B = np.arange(batch + 1)
    return np.diff(edge_B[None] * count_T[:, None] // batch, axis=1).astype(bool).ravel()


def plan_replay_order(
    settings: ReplaySettings,
    shares: Mapping[str, float],
    sequences: Mapping[str, int],
    *,
    total: int,
    batch_sequences: int,
    seed: int,
) -> ReplayOrder:
    """Return the two orders. shares: of each corpus by the run's weights, summing to 1.

    Raises InputError when the replay corpora are not among them, or are all of them.
    """
    missing = sorted(set(settings.corpora) - set(shares))
    if missing:
        raise InputError(
            f"retention.replay.corpora: {missing[0]!r} takes no part in the mixture; it has {', '.join(sorted(shares))}"
        )
    groups = [
        {name: share for name, share in shares.items() if (name in settings.corpora) == is_replay}
        for is_replay in (True, False)
    ]
    if not groups[1]:
        raise InputError("retention.replay.corpora: names every corpus of the mixture, so nothing new is left to learn")
    begin = sum(groups[0].values())
    orders = [
        order_mixture(
            {name: share / sum(group.values()) for name, share in group.items()}, sequences, total=total, seed=seed
        )
        for group in groups
    ]
    start = min(max(begin, settings.min_share), settings.max_share)
    return ReplayOrder(orders[0], orders[1], start, batch_sequences)


def next_share(share: float, upper: float, settings: ReplaySettings) -> float:
    """Return the share after a measurement: unchanged at half the target, doubled at all of it; below half it falls.

    upper: upper end of the interval of the increase, because text of the same kind that is not measured shall keep to
    the target as well. It falls by a sixth at most: a low measurement may be chance, and to give replay back late costs
    less than what is forgotten meanwhile. Where the increase is going is not looked at: it grows ever more slowly, so
    that a line drawn on from the first measurements ends far above it.

    >>> settings = ReplaySettings(corpora=("en",), target_loss_increase=0.01, min_share=0.05, max_share=0.4)
    >>> [round(next_share(0.1, upper, settings), 3) for upper in (-1, 0, 0.005, 0.01, 1)]
    [0.084, 0.084, 0.1, 0.2, 0.2]
    """
    turn = min(max(2 * upper / settings.target_loss_increase - 1, SLOWEST_FALL), 1.0)
    return min(max(share * math.pow(2.0, turn), settings.min_share), settings.max_share)
