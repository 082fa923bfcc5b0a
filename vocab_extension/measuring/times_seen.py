"""How often each new token would be met in a training budget, from how often it is met in a sample of such text.

Shape suffix: N new tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hanhua.vocab_extension.measuring.document_counts import Ints

UNSEEN = 0.5
"""What a token never met in the sample counts as: less than once, and more than never."""


@dataclass(frozen=True)
class Budget:
    """Text to train on: megabytes (10^6 bytes), or tokens as the base counts them; one of the two."""

    megabytes: float | None = None
    tokens: float | None = None

    def characters(self, *, bytes_per_character: float, base_characters_per_token: float) -> float:
        """Return the budget in characters of a text with these ratios."""
        if self.megabytes is not None:
            return self.megabytes * 1e6 / max(bytes_per_character, 1e-9)
        return (self.tokens or 0.0) * base_characters_per_token

    def __str__(self) -> str:
        """Return it as people write it: `20 MB`, `2.5 GB`, `300,000,000 tokens`."""
        if self.megabytes is None:
            return f"{self.tokens:,.0f} tokens"
        large = self.megabytes >= 1000
        return f"{self.megabytes / 1000:,g} GB" if large else f"{self.megabytes:,g} MB"


@dataclass(frozen=True)
class TimesSeen:
    """How often the new tokens of one size would be met in the budget.

    share_enough: share of them met at least `min_seen` times, and `enough`, how many. never_in_sample: share
    that the sample does not hold at all. budget_factor: the budget times this meets nine in ten often enough.
    """

    median: float
    tenth_percentile: float
    share_enough: float
    enough: int
    never_in_sample: float
    budget_factor: float


def times_seen(counts_N: Ints, *, scale: float, min_seen: int) -> TimesSeen:
    """Return what the counts in a sample say of a budget `scale` times as long.

    >>> times_seen(np.array([0, 10, 20, 30]), scale=100, min_seen=1000).share_enough
    0.75
    """
    seen_N = np.maximum(counts_N, UNSEEN) * scale
    # The lower of the two neighbors, not a value between: nine in ten are then really at it or above.
    tenth = float(np.quantile(seen_N, 0.1, method="lower"))
    enough = int((seen_N >= min_seen).sum())
    return TimesSeen(
        median=float(np.median(seen_N)),
        tenth_percentile=tenth,
        share_enough=enough / len(seen_N),
        enough=enough,
        never_in_sample=float((counts_N == 0).mean()),
        budget_factor=min_seen / tenth if tenth else float("inf"),
    )
