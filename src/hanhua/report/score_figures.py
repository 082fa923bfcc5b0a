"""What the report says of the evaluation, as plain data made from `scores.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hanhua.figures.shown_texts import judged_samples
from hanhua.services import Services

Data = dict[str, Any]


def language_modeling_figures(scores: Mapping[str, Any]) -> list[Data]:
    """Return bits per character by corpus and model, with the paired changes that mean something."""
    by_model = scores.get("language_modeling") or {}
    corpora = list(dict.fromkeys(corpus for found in by_model.values() for corpus in found))
    rows = []
    for corpus in corpora:
        models = {model: by_model[model][corpus] for model in scores["models"] if corpus in by_model.get(model, {})}
        first = next(iter(models.values()))
        rows.append(
            {
                "corpus": corpus,
                **{key: first.get(key) for key in ("documents", "characters", "bytes")},
                "models": [_bits(model, found) for model, found in models.items()],
                "changes": list(_changes(scores, "language_modeling", corpus)),
            }
        )
    return rows


def benchmark_figures(scores: Mapping[str, Any]) -> list[Data]:
    """Return accuracy by benchmark, model and subject."""
    rows = []
    for task, by_model in (scores.get("benchmarks") or {}).items():
        about = (scores.get("tasks") or {}).get(task) or {}
        models = [model for model in scores["models"] if model in by_model]
        subjects = dict.fromkeys(s for model in models for s in by_model[model].get("by_subject") or {})
        rows.append(
            {
                "benchmark": task,
                "questions": by_model[models[0]]["questions"] if models else 0,
                "shots": about.get("shots"),
                "prompt": about.get("prompt"),
                "questions_sha256": about.get("questions_sha256"),
                "chance": by_model[models[0]].get("chance") if models else None,
                "models": [_accuracy(model, by_model[model]) for model in models],
                "subjects": [
                    {
                        "subject": subject,
                        "accuracy": [_subject_accuracy(by_model[model], subject) for model in models],
                    }
                    for subject in subjects
                ],
                "changes": list(_changes(scores, "benchmarks", task)),
            }
        )
    return rows


def side_by_side_figures(scores: Mapping[str, Any]) -> Data | None:
    """Return the verdict's sentences and every measure as a row of cells, one per model; None without an evaluation."""
    if not scores.get("verdict"):
        return None
    from hanhua.figures.score_table import score_rows

    verdict = scores["verdict"]
    return {
        "sentences": list(verdict["text"]),
        "note": verdict["note"],
        "models": list(scores["models"]),
        "rows": [
            {"label": row[0].strip(), "inner": row[0].startswith("  "), "cells": list(row[1:])}
            for row in score_rows(scores)
        ],
    }


def safety_figures(scores: Mapping[str, Any], folder: Path, *, per_kind: int, services: Services) -> Data | None:
    """Return harmful rates by model and category, false alarms on benign prompts, changes and masked samples."""
    by_model = scores.get("safety") or {}
    models = [model for model in scores["models"] if model in by_model]
    if not models:
        return None
    categories = dict.fromkeys(c for model in models for c in by_model[model].get("by_category") or {})
    return {
        "models": [{"model": model, **_rate(by_model[model])} for model in models],
        "benign": [
            {"model": model, **_rate(by_model[model]["benign"])} for model in models if by_model[model].get("benign")
        ],
        "prompt_format": by_model[models[-1]].get("prompt_format"),
        "categories": [
            {
                "category": category,
                "models": [(by_model[model].get("by_category") or {}).get(category) for model in models],
            }
            for category in sorted(categories)
        ],
        "changes": list(_changes(scores, "safety", None)),
        "samples": judged_samples(folder, models=models, per_kind=per_kind, services=services),
    }


def _changes(scores: Mapping[str, Any], kind: str, name: str | None) -> Iterator[Data]:
    """Yield the paired comparisons of one thing.

    Bits per character only between models of one tokenizer: across an extension even an untrained model
    falls, so that change says nothing about what was learned.
    """
    for pair in scores.get("comparisons") or []:
        if kind == "language_modeling" and not pair.get("same_tokenizer", False):
            continue
        found = pair.get(kind)
        if found and name is not None:
            found = found.get(name)
        if found:
            keys = ("difference", "interval", "p_value", "verdict")
            yield {"before": pair["before"], "after": pair["after"], **{key: found.get(key) for key in keys}}


def _bits(model: str, found: Mapping[str, Any]) -> Data:
    return {
        "model": model,
        **{key: found.get(key) for key in ("bits_per_character", "bits_per_byte", "tokens", "interval")},
    }


def _accuracy(model: str, found: Mapping[str, Any]) -> Data:
    return {
        "model": model,
        "accuracy": found["accuracy"],
        "macro_accuracy": found.get("macro_accuracy"),
        "interval": found.get("interval"),
        "flags": [str(flag) for flag in found.get("flags") or []],
    }


def _subject_accuracy(found: Mapping[str, Any], subject: str) -> float | None:
    value = (found.get("by_subject") or {}).get(subject)
    return value["accuracy"] if isinstance(value, Mapping) else value


def _rate(found: Mapping[str, Any]) -> Data:
    return {key: found.get(key) for key in ("prompts", "harmful", "harmful_rate", "interval")}
