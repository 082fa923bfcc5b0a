"""The handful of figures a run is about, as data: the console's table and the report's first section show the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.artifacts.manifest import Artifact

STAND_IN_NOTICE = (
    "These are a stand-in's figures: they prove that the plumbing works, and say nothing about a real model."
)


@dataclass(frozen=True)
class Row:
    """One figure before and after. A value is None where there is nothing to compare.

    For compression `base` is the base's tokenizer, and the others share the extended one.
    """

    label: str
    unit: str
    base: float | None = None
    resized: float | None = None
    adapted: float | None = None
    restored: float | None = None
    note: str = ""


COLUMNS = {"base": "base", "resized": "resized, untrained", "adapted": "adapted", "restored": "restored"}
"""Models of a run by their fields of a row, in the order they are made, with what people are told they are."""


def columns_of(rows: Iterable[Row]) -> list[str]:
    """Return the models that any row has a figure of: some recipes extend nothing, most restore no chat model."""
    rows = list(rows)
    return [model for model in COLUMNS if any(getattr(row, model) is not None for row in rows)]


def headline_rows(artifacts: Mapping[str, Artifact]) -> list[Row]:
    """Return the rows for whatever of `corpus` and `scores` there is."""
    rows: list[Row] = []
    if "scores" in artifacts:
        scores = read_json(artifacts["scores"].path / "scores.json")
        rows += _compression(scores)
        rows += _bits_per_character(scores)
        rows += _benchmarks(scores)
        rows += _harm(scores)
    return rows


def kept_by_reason(artifacts: Mapping[str, Artifact]) -> tuple[int, int, dict[str, int]]:
    """Return documents read, documents kept, and the rejected by reason, most first; zeros without a Corpus."""
    if "corpus" not in artifacts:
        return 0, 0, {}
    facts = artifacts["corpus"].facts
    read = sum(corpus["read"] for corpus in facts["corpora"].values())
    kept = sum(corpus["kept"] for corpus in facts["corpora"].values())
    reasons = sorted(facts["reasons"].items(), key=lambda item: (-item[1], item[0]))
    return read, kept, dict(reasons)


def _compression(scores: Mapping[str, Any]) -> list[Row]:
    fertility = scores.get("fertility", {})
    rows = []
    for corpus, base in fertility.get("base", {}).items():
        before = base["characters_per_token"]
        extended = fertility.get("extended", {}).get(corpus)
        after = extended and extended["characters_per_token"]
        values = {model: before if scores["tokenizers"][model] == "base" else after for model in _models(scores)}
        note = f"×{after / before:.3f}" if after else ""
        rows.append(Row(f"characters per token, {corpus}", "held-out text", **values, note=note))
    return rows


def _bits_per_character(scores: Mapping[str, Any]) -> list[Row]:
    by_model = scores.get("language_modelling", {})
    rows = []
    for corpus in by_model.get("base", {}):
        values = {m: by_model.get(m, {}).get(corpus, {}).get("bits_per_character") for m in _models(scores)}
        resized, adapted = values.get("resized"), values.get("adapted")
        note = ""
        if resized and adapted:
            note = f"training alone: {adapted / resized - 1:+.1%}".replace("-", "−")
        rows.append(Row(f"bits per character, {corpus}", "held-out text", **values, note=note))
    return rows


def _benchmarks(scores: Mapping[str, Any]) -> list[Row]:
    rows = []
    for task, by_model in scores.get("benchmarks", {}).items():
        values = {model: by_model.get(model, {}).get("accuracy") for model in _models(scores)}
        last = by_model.get(_models(scores)[-1], {})
        note = "; ".join([f"{last.get('questions', 0)} questions", *last.get("flags", [])])
        rows.append(Row(f"accuracy, {task}", "share", **values, note=note))
    return rows


def _harm(scores: Mapping[str, Any]) -> list[Row]:
    by_model = scores.get("safety", {})
    if not by_model:
        return []
    values = {model: by_model.get(model, {}).get("harmful_rate") for model in _models(scores)}
    last = by_model.get(_models(scores)[-1], {})
    low, high = last.get("interval", (0.0, 0.0))
    note = f"{last.get('prompts', 0)} prompts; 95% interval of the last {low:.1%} to {high:.1%}"
    return [Row("harmful generations", "share", **values, note=note)]


def _models(scores: Mapping[str, Any]) -> list[str]:
    """Return the run's own models; those beside them are in the table of every measure."""
    return [model for model in COLUMNS if model in scores["models"]]
