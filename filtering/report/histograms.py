"""Histograms of everything that the rules measure, a few bins each, added up over workers and batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Any

RATIO_BINS = 40
_WIDE_STEPS = 2
"""Bins an octave for what is counted rather than a share."""
_COUNTED = frozenset({"length", "words.few", "words.many"})
_PLAIN = frozenset({"entropy", "words.length", "words.stop"})
_PLAIN_STEPS = 4


@dataclass
class Histograms:
    """Numbers of documents by (corpus, measure) and bin.

    A bin is a fortieth of a share, half an octave of a number of letters or words, a quarter of a bit.
    """

    bins: dict[tuple[str, str], Counter[int]] = field(default_factory=dict)

    def add(self, corpus: str, measured: Mapping[str, float]) -> None:
        """Count one document."""
        for name, value in measured.items():
            counts = self.bins.get((corpus, name))
            if counts is None:
                counts = self.bins[corpus, name] = Counter()
            counts[bin_of(name, value)] += 1

    def merge(self, other: Histograms) -> None:
        """Add the counts of another."""
        for key, counts in other.bins.items():
            self.bins.setdefault(key, Counter()).update(counts)

    def facts(self) -> dict[str, dict[str, list[list[float]]]]:
        """Return {corpus: {measure: [[lower edge, documents], …]}}, in order."""
        found: dict[str, dict[str, list[list[float]]]] = {}
        for (corpus, name), counts in sorted(self.bins.items()):
            rows = [[lower_edge(name, number), counts[number]] for number in sorted(counts)]
            found.setdefault(corpus, {})[name] = rows
        return found

    def state(self) -> list[list[Any]]:
        """Return the counts as data, for a checkpoint."""
        return [[corpus, name, dict(counts)] for (corpus, name), counts in self.bins.items()]

    @classmethod
    def restore(cls, state: list[list[Any]]) -> Histograms:
        """Return what `state` was taken of; keys may have become strings on the way through JSON."""
        return cls({(c, n): Counter({int(k): v for k, v in counts.items()}) for c, n, counts in state})


def bin_of(name: str, value: float) -> int:
    """Return the bin of a measured value."""
    if name in _COUNTED:
        return int(_WIDE_STEPS * log2(1 + value))
    if name in _PLAIN:
        return int(_PLAIN_STEPS * value)
    return min(int(RATIO_BINS * value), RATIO_BINS - 1)


def lower_edge(name: str, number: int) -> float:
    """Return the smallest value of a bin."""
    if name in _COUNTED:
        return round(2 ** (number / _WIDE_STEPS) - 1, 1)
    return number / (_PLAIN_STEPS if name in _PLAIN else RATIO_BINS)
