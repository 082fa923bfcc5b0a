"""The labelled texts that the shipped classifier learned from, and those kept apart to measure it."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files

from repository import ROOT

from hanhua.filtering.config import CATEGORIES

LEARNED = files("hanhua.filtering.harm").joinpath("texts").joinpath("labelled.jsonl").read_text(encoding="utf-8")
HELD_OUT = (ROOT / "benchmarks" / "harm_heldout.jsonl").read_text(encoding="utf-8")


def rows(lines: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in lines.splitlines()]


def trigrams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(len(text) - 2)}


def test_every_category_has_its_texts_and_harmless_look_alikes() -> None:
    counts = Counter(row["label"] for row in rows(LEARNED))
    assert set(counts) == {*CATEGORIES, "benign"}
    assert min(counts.values()) >= 90 and counts["benign"] >= 300
    assert set(Counter(row["label"] for row in rows(HELD_OUT))) == set(counts)
    assert len({row["text"] for row in rows(LEARNED)}) == len(rows(LEARNED))


def test_what_is_measured_on_was_not_learned_from() -> None:
    learned = [trigrams(row["text"]) for row in rows(LEARNED)]
    for row in rows(HELD_OUT):
        own = trigrams(row["text"])
        assert max(len(own & other) / len(own | other) for other in learned) < 0.15, row["text"]
