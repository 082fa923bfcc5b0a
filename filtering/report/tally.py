"""Counts: what was read, kept, masked and rejected, per corpus and source, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MAX_SOURCES = 200
"""Sources of a corpus that are counted apart; a corpus of as many web sites as documents has no use for more."""
OTHER_SOURCES = "(others)"


@dataclass
class CorpusTally:
    """The counts of one corpus. sources: of each, the documents read and kept."""

    read: int = 0
    broken: int = 0
    kept: int = 0
    train: int = 0
    heldout: int = 0
    characters_kept: int = 0
    repaired: int = 0
    first_problem: str = ""
    rejected: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    sources: dict[str, list[int]] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return the counts as data, reasons by falling count."""
        plain = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        sources = {name: {"read": read, "kept": kept} for name, (read, kept) in sorted(self.sources.items())}
        return {**plain, "rejected": by_count(self.rejected), "masked": by_count(self.masked), "sources": sources}

    def count_source(self, source: str, *, kept: bool = False) -> None:
        """Count a document of a source as read, or as kept."""
        if source not in self.sources and len(self.sources) >= MAX_SOURCES:
            source = OTHER_SOURCES
        self.sources.setdefault(source, [0, 0])[kept] += 1

    def state(self) -> dict[str, Any]:
        """Return everything as data, for a checkpoint."""
        return {**vars(self), "rejected": dict(self.rejected), "masked": dict(self.masked)}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> CorpusTally:
        """Return what `state` was taken of."""
        counters = {name: Counter(state[name]) for name in ("rejected", "masked")}
        return cls(**{**state, **counters})


def by_count(counter: Counter[str]) -> dict[str, int]:
    """Return a counter as a dictionary, largest first, equal counts by name."""
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))
