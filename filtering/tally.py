"""Counts and samples: what was read, kept, masked and rejected, per corpus, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanhua.filtering.draft import Verdict
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.normalise import clean
from hanhua.filtering.pii import mask_pii

SNIPPET_CHARACTERS = 200
HARMFUL_SNIPPET_CHARACTERS = 60


@dataclass
class CorpusTally:
    """The counts of one corpus."""

    read: int = 0
    broken: int = 0
    kept: int = 0
    train: int = 0
    heldout: int = 0
    characters_kept: int = 0
    repaired: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)

    def facts(self) -> dict[str, Any]:
        """Return the counts as data, reasons by falling count."""
        plain = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        return {**plain, "rejected": by_count(self.rejected), "masked": by_count(self.masked)}


def by_count(counter: Counter[str]) -> dict[str, int]:
    """Return a counter as a dictionary, largest first, equal counts by name."""
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


class Samples:
    """The first few rejected documents of every reason and corpus, fit to be shown."""

    def __init__(self, per_reason: int) -> None:
        self._per_reason = per_reason
        self._taken: Counter[tuple[str, str]] = Counter()
        self._rows: list[dict[str, Any]] = []

    def add(self, place: str, *, corpus: str, verdict: Verdict, text: str) -> None:
        """Keep a rejected document, unless there are enough of its kind."""
        if self._taken[corpus, verdict.reason] >= self._per_reason:
            return
        self._taken[corpus, verdict.reason] += 1
        shown = showable(text, harmful=verdict.reason.startswith("harm"))
        self._rows.append(
            {"id": place, "corpus": corpus, "reason": verdict.reason, "value": verdict.value, "text": shown}
        )

    def write(self, path: Path, *, order: Iterable[str]) -> None:
        """Write the samples as JSON lines: by corpus as given, by reason, in input order."""
        ranks = {corpus: rank for rank, corpus in enumerate(order)}
        rows = sorted(self._rows, key=lambda row: (ranks[row["corpus"]], row["reason"]))
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def showable(text: str, *, harmful: bool = False) -> str:
    """Return the beginning of a text, personal data masked; of a harmful one, less, its evidence blotted out."""
    text = clean(text)  # without the rarer line ends, a line of JSON is one for every reader
    if harmful:
        blotted = list(text)
        for start, end in build_harm_scorer().score(text).spans:
            blotted[start:end] = "■" * (end - start)
        text = "".join(blotted)
    limit = HARMFUL_SNIPPET_CHARACTERS if harmful else SNIPPET_CHARACTERS
    # Masked before it is cut, or half a number would get through; nothing far behind the cut matters.
    masked = mask_pii(text[: limit + 100])[0]
    return masked if len(masked) <= limit else masked[:limit] + "…"
