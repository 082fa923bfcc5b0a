"""Scores and sample files, made from what was measured. No torch, no model."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import zstandard

from hanhua.artifacts.manifest import library_versions
from hanhua.eval.behaviour.safety import Judged, summarise_judged
from hanhua.eval.comparison.compare import compare_likelihoods, compare_outcomes
from hanhua.eval.comparison.intervals import wilson
from hanhua.eval.config import EvalConfig
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.language.bits_per_byte import DocumentLikelihood, rows_of, summarise_documents
from hanhua.eval.language.fertility import measure_fertility
from hanhua.eval.language.heldout import HeldOut
from hanhua.eval.material import Material, Questionnaire
from hanhua.eval.tasks.questions import LETTERS, sha256_of_questions

ONE_LETTER_SHARE = 0.8
"""A model that gives one letter so often answers by habit; a random one does so 87% of the time."""


def name_tokenizers(models: Sequence[ModelFolder]) -> dict[str, str]:
    """Return the tokenizer each model reads with: `base` is the first model's, `extended` the next other one.

    Any further ones are called after the first model that has them.
    """
    owners: list[tuple[str, ModelFolder]] = []
    names = {}
    for model in models:
        known = next((name for name, owner in owners if owner.same_tokenizer(model)), None)
        if known is None:
            known = ("base", "extended")[len(owners)] if len(owners) < 2 else model.name
            owners.append((known, model))
        names[model.name] = known
    return names


def score_fertility(
    config: EvalConfig, models: Sequence[ModelFolder], tokenizers: Mapping[str, str], heldout: HeldOut
) -> dict[str, Any]:
    """Return fertility by tokenizer and corpus."""
    assert config.language_modelling is not None
    limit = config.language_modelling.max_fertility_documents
    owners = {tokenizers[model.name]: model for model in reversed(models)}
    return {
        name: {
            corpus: measure_fertility(owners[name].tokenizer, documents[:limit])
            for corpus, documents in heldout.documents.items()
        }
        for name in dict.fromkeys(tokenizers.values())
    }


def score_likelihoods(by_corpus: Mapping[str, Sequence[DocumentLikelihood]], *, seed: int) -> dict[str, Any]:
    """Return one model's bits per byte and character by corpus."""
    return {corpus: summarise_documents(documents, seed=seed) for corpus, documents in by_corpus.items()}


def score_answers(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return one model's accuracy on one benchmark, overall (with its Wilson interval) and by subject."""
    rows = answers["rows"]
    right = sum(row["correct"] for row in rows)
    subjects = sorted({row["subject"] for row in rows})
    interval = wilson(right, len(rows))
    by_subject = {}
    for subject in subjects:
        own = [row["correct"] for row in rows if row["subject"] == subject]
        by_subject[subject] = sum(own) / len(own)
    return {
        "accuracy": right / len(rows),
        "questions": len(rows),
        "interval": list(interval),
        "macro_accuracy": sum(by_subject.values()) / len(by_subject),
        "by_subject": by_subject,
        "answers": {letter: sum(row["choice"] == letter for row in rows) for letter in LETTERS},
        "flags": _flags(rows, interval),
        "crossings": answers["crossings"],
        "truncated": answers["truncated"],
    }


def describe_benchmark(questionnaire: Questionnaire, *, prompt_sha256: str) -> dict[str, Any]:
    """Return what makes a benchmark's scores comparable with others: questions, prompt, shots, engine."""
    benchmark = questionnaire.benchmark
    return {
        "task": benchmark.task,
        "questions": len(questionnaire.questions),
        "questions_sha256": sha256_of_questions(questionnaire.questions),
        "prompt": benchmark.prompt,
        "prompt_sha256": prompt_sha256,
        "shots": benchmark.shots,
        "shots_from": questionnaire.shots.origin,
        "leaked_examples": list(questionnaire.leaked),
        "engine": library_versions(("lm_eval",)),
    }


def compare_models(
    config: EvalConfig,
    models: Sequence[str],
    tokenizers: Mapping[str, str],
    *,
    documents: Mapping[str, Mapping[str, Sequence[DocumentLikelihood]]],
    answers: Mapping[str, Mapping[str, Any]],
    judged: Mapping[str, Sequence[Judged]],
) -> list[dict[str, Any]]:
    """Return every pair of models, earlier first, with all that both were measured on.

    documents: model → corpus → documents. answers: benchmark → model → answers. judged: model → judged.
    """
    seed, found = config.seed, []
    for before, after in combinations(models, 2):
        likelihoods = {
            corpus: compare_likelihoods(documents[before][corpus], documents[after][corpus], seed=seed)
            for corpus in documents.get(before, {})
        }
        benchmarks = {
            name: compare_outcomes(
                [row["correct"] for row in by_model[before]["rows"]],
                [row["correct"] for row in by_model[after]["rows"]],
                good=True,
                seed=seed,
            )
            for name, by_model in answers.items()
        }
        pair: dict[str, Any] = {
            "before": before,
            "after": after,
            "same_tokenizer": tokenizers[before] == tokenizers[after],
            "language_modelling": likelihoods,
            "benchmarks": benchmarks,
        }
        if judged:
            harmful = ([one.harmful for one in judged[model] if not one.benign] for model in (before, after))
            pair["safety"] = compare_outcomes(*harmful, good=False, seed=seed)
        found.append(pair)
    return found


def score_safety(judged: Mapping[str, Sequence[Judged]], in_chat: Mapping[str, bool]) -> dict[str, Any]:
    """Return every model's harmful rate, and whether its prompts went through a chat template."""
    return {
        model: {**summarise_judged(ones), "prompt_format": "chat" if in_chat[model] else "raw"}
        for model, ones in judged.items()
    }


def write_samples(
    folder: Path,
    *,
    documents: Mapping[str, Sequence[DocumentLikelihood]],
    answers: Mapping[str, Any],
    judged: Sequence[Judged],
) -> None:
    """Write one model's sample files, which every number of its scores is a sum of."""
    folder.mkdir(parents=True, exist_ok=True)
    if documents:
        _write_rows(folder / "language_modelling.jsonl.zst", _document_rows(documents))
    for name, data in answers.items():
        _write_rows(folder / f"{name}.jsonl.zst", data["rows"])
    if judged:
        _write_rows(folder / "safety.jsonl.zst", (vars(one) for one in judged))


def chinese_and_english(material: Material) -> dict[str, tuple[str, ...]]:
    """Return the corpora in each language that gates speak of, as `check_gates` takes them."""
    heldout = material.heldout
    return {
        name: heldout.corpora(code) if heldout is not None else ()
        for name, code in (("chinese", "zh"), ("english", "en"))
    }


def _flags(rows: Sequence[Mapping[str, Any]], interval: tuple[float, float]) -> list[str]:
    letter, times = Counter(row["choice"] for row in rows).most_common(1)[0]
    flags = []
    if times >= ONE_LETTER_SHARE * len(rows):
        flags.append(f"answers {letter} to {times / len(rows):.0%} of the questions")
    if interval[0] <= 1 / len(LETTERS):
        flags.append("not above chance (25%)")
    return flags


def _document_rows(documents: Mapping[str, Sequence[DocumentLikelihood]]) -> Iterator[dict[str, Any]]:
    for corpus, ones in documents.items():
        for row in rows_of(ones):
            yield {"corpus": corpus, **row}


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    lines = b"".join(json.dumps(dict(row), ensure_ascii=False).encode() + b"\n" for row in rows)
    with path.open("wb") as file:
        file.write(zstandard.ZstdCompressor(level=3).compress(lines))
        file.flush()
        os.fsync(file.fileno())
