"""Figures of a Corpus and a tokenizer that console, card and report all show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def masked_by_kind(facts: Mapping[str, Any]) -> dict[str, int]:
    """Return how many pieces of personal data were masked, by kind, most first.

    facts: of a Corpus, with counts for each of its corpora.
    """
    counts: Counter[str] = Counter()
    for corpus in facts.get("corpora", {}).values():
        counts.update(corpus.get("masked") or {})
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class Compression:
    """Characters per token of one corpus, by the base's tokenizer and by the extended one; None: not measured."""

    corpus: str
    base: float
    extended: float | None

    @property
    def gain(self) -> float | None:
        """How many times as many characters an extended token holds."""
        return self.extended / self.base if self.extended and self.base else None


def compression_of(tokenizer_facts: Mapping[str, Any] | None, scores: Mapping[str, Any] | None) -> list[Compression]:
    """Return compression by corpus on held-out text: as the evaluation measured it, else as learning did."""
    fertility = (scores or {}).get("fertility") or {}
    extended = fertility.get("extended") or {}
    if base := fertility.get("base") or {}:
        key = "characters_per_token"
        return [Compression(name, row[key], extended.get(name, {}).get(key)) for name, row in base.items()]
    heldout = ((tokenizer_facts or {}).get("compression") or {}).get("heldout") or {}
    return [Compression(name, row["base"], row["extended"]) for name, row in heldout.items()]
