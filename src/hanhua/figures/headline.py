"""A run's key figures, as data: the console's table and the report's first section show the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hanhua.artifacts.manifest import Artifact
from hanhua.figures.corpus_figures import compression_of
from hanhua.figures.run_models import NAMES, in_order
from hanhua.figures.scores_file import read_scores
from hanhua.stage import imported

TOY_NOTICE = "These are a toy model's figures: they prove that the plumbing works, and say nothing about a real model."


@dataclass(frozen=True)
class Row:
    """One figure. unit: `share` is shown as a percentage, `change` as one with its sign.

    values: by model, of those that were measured; for compression `base` is the base's tokenizer, and the others share
    the extended one. intervals: 95%, by model, where they are shown.
    """

    label: str
    unit: str
    values: Mapping[str, float | None] = field(default_factory=dict)
    note: str = ""
    intervals: Mapping[str, Sequence[float] | None] = field(default_factory=dict)


def shown_figure(value: float | None, unit: str) -> str:
    """Return a row's figure as a table shows it; a dash for one that was not measured.

    >>> shown_figure(0.125, "share"), shown_figure(-0.148, "change"), shown_figure(2.7, "held-out text")
    ('12.5%', '−14.8%', '2.700')
    """
    if value is None:
        return "–"
    if unit == "change":
        return f"{value:+.1%}".replace("-", "−")
    return f"{value:.1%}" if unit == "share" else f"{value:.3f}"


def columns_of(rows: Iterable[Row]) -> list[str]:
    """Return the models that any row has a figure of: some recipes extend nothing, most restore no chat model."""
    return in_order(name for row in rows for name, value in row.values.items() if value is not None)


def headline_rows(artifacts: Mapping[str, Artifact], headlines: Mapping[str, str]) -> list[Row]:
    """Return what the artifacts of a run add to its table.

    artifacts: by kind. headlines: kind → `module:function`, as the stages declare it; the function is given the
    artifact.
    """
    return [row for kind, one in artifacts.items() if headlines.get(kind) for row in imported(headlines[kind])(one)]


def evaluation_rows(scores_artifact: Artifact) -> list[Row]:
    """Return the rows of an evaluation: compression, bits, accuracy, replies, harm."""
    scores = read_scores(scores_artifact)
    parts = (_compression, _bits_per_character, _bits_per_byte, _benchmarks, _replies, _harm)
    return [row for part in parts for row in part(scores)]


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
    tokenizers = {model: scores["tokenizers"][model] for model in _models(scores)}
    return [
        Row(
            f"characters per token, {one.corpus}",
            "held-out text",
            {model: one.base if tokenizer == "base" else one.extended for model, tokenizer in tokenizers.items()},
            f"×{one.gain:.3f}" if one.gain else "",
        )
        for one in compression_of(None, scores)
    ]


def _bits_per_character(scores: Mapping[str, Any]) -> list[Row]:
    by_model = scores.get("language_modeling", {})
    rows = []
    for corpus in by_model.get("base", {}):
        values = {m: by_model.get(m, {}).get(corpus, {}).get("bits_per_character") for m in _models(scores)}
        resized, adapted = values.get("resized"), values.get("adapted")
        note = ""
        if resized and adapted:
            note = f"training alone: {adapted / resized - 1:+.1%}".replace("-", "−")
        rows.append(Row(f"bits per character, {corpus}", "held-out text", values, note))
    return rows


def _bits_per_byte(scores: Mapping[str, Any]) -> Iterator[Row]:
    """Yield bits per byte of each corpus, and by how much they differ from the base's on the same documents."""
    by_model = scores.get("language_modeling", {})
    models = [model for model in _models(scores) if model in by_model]
    changes = {one["after"]: one for one in scores.get("comparisons", []) if one["before"] == "base"}
    for corpus in by_model.get("base", {}):
        found = {model: by_model[model][corpus] for model in models}
        values = {model: one["bits_per_byte"] for model, one in found.items()}
        intervals = {model: one.get("bits_per_byte_interval") for model, one in found.items()}
        yield Row(f"bits per byte, {corpus}", "held-out text", values, intervals=intervals)
        known = {m: one for m in models if (one := _relative(changes.get(m), corpus)) is not None}
        if known:
            relative = {model: one["change"] for model, one in known.items()}
            spread = {model: one["interval"] for model, one in known.items()}
            yield Row(f"compared with base, {corpus}", "change", relative, intervals=spread)


def _relative(comparison: Mapping[str, Any] | None, corpus: str) -> Mapping[str, Any] | None:
    """Return a paired comparison's relative change; None in scores of earlier versions, which have none."""
    found: Mapping[str, Any] | None = ((comparison or {}).get("language_modeling", {}).get(corpus) or {}).get(
        "relative"
    )
    return found


def _benchmarks(scores: Mapping[str, Any]) -> list[Row]:
    rows = []
    for task, by_model in scores.get("benchmarks", {}).items():
        values = {model: by_model.get(model, {}).get("accuracy") for model in _models(scores)}
        last = by_model.get(_models(scores)[-1], {})
        note = "; ".join([f"{last.get('questions', 0)} questions", *last.get("flags", [])])
        rows.append(Row(f"accuracy, {task}", "share", values, note))
    return rows


def _replies(scores: Mapping[str, Any]) -> Iterator[Row]:
    by_model = scores.get("behavior", {})
    models = [model for model in _models(scores) if model in by_model]
    for rate, label in (("never_stops", "replies that stop"), ("not_chinese", "replies in Chinese")):
        values = {m: None if by_model[m][rate] is None else 1 - by_model[m][rate] for m in models}
        if models:
            yield Row(label, "share", values, f"{by_model[models[-1]]['prompts']} prompts")


def _harm(scores: Mapping[str, Any]) -> list[Row]:
    by_model = scores.get("safety", {})
    if not by_model:
        return []
    values = {model: by_model.get(model, {}).get("harmful_rate") for model in _models(scores)}
    last = by_model.get(_models(scores)[-1], {})
    low, high = last.get("interval", (0.0, 0.0))
    note = f"{last.get('prompts', 0)} prompts; 95% interval of the last {low:.1%} to {high:.1%}"
    return [Row("harmful generations", "share", values, note)]


def _models(scores: Mapping[str, Any]) -> list[str]:
    """Return the run's own models; reference models are only in the table of all measures."""
    return [model for model in NAMES if model in scores["models"]]
