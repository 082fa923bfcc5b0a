"""The card's rows and lines, as text in English and Chinese: every figure comes from a manifest or the scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hanhua.figures.benchmark_notes import Both, part_asked, prompts_cut
from hanhua.figures.corpus_figures import masked_by_kind
from hanhua.figures.flags import flag_in_chinese
from hanhua.figures.run_models import in_order
from hanhua.release.card_facts import CardFacts
from hanhua.release.job import CorpusLine
from hanhua.release.licenses import CorpusUse, corpus_use


def vocabulary_of(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return the numbers of tokens: of the base, new, and of both."""
    tokenizer = facts.get("tokenizer", {})
    new = int(tokenizer.get("new_tokens", 0))
    extended = int(tokenizer.get("vocab_size") or facts.get("base", {}).get("vocab_size", 0))
    return {"base": extended - new, "new_tokens": new, "extended": extended}


def training_of(found: CardFacts) -> dict[str, list[str]]:
    """Return how it was trained, as lines in English and Chinese."""
    config = found.training
    if not config:
        return {"en": [], "zh": []}
    tokens = found.facts.get("adapted", {}).get("tokens") or config.get("max_tokens")
    rows = bool(found.facts.get("tokenizer", {}).get("new_tokens"))
    lora = config.get("lora")
    if lora:
        english = f"LoRA of rank {lora['rank']} on the linear layers" + (" and the new tokens' rows" if rows else "")
        chinese = f"线性层用秩为 {lora['rank']} 的 LoRA" + ("，新增词元的行单独训练" if rows else "")
    else:
        english, chinese = "all weights", "训练全部权重"
    english += f", sequences of {config['sequence_length']:,} tokens"
    chinese += f"，序列长度 {config['sequence_length']:,}"
    if tokens:
        english, chinese = f"{english}, {tokens:,} tokens seen", f"{chinese}，共 {tokens:,} 个词元"
    return {"en": [f"Training: {english}."], "zh": [f"训练：{chinese}。"]}


def language_modeling_rows(by_model: Mapping[str, Any], *, released: str) -> dict[str, Any] | None:
    """Return bits per character by corpus and model."""
    models = in_order(by_model)
    if not models:
        return None
    corpora = sorted({corpus for model in models for corpus in by_model[model]})
    rows = [
        {"name": corpus, "cells": [_with_interval(by_model[m].get(corpus), "bits_per_character") for m in models]}
        for corpus in corpora
    ]
    return {"models": model_labels(models, released=released), "rows": rows}


def benchmark_rows(scores: Mapping[str, Any], *, released: str) -> dict[str, Any] | None:
    """Return accuracy by benchmark and model, with what has to be said of it in English and Chinese."""
    by_task, abouts = scores.get("benchmarks") or {}, scores.get("tasks") or {}
    if not by_task:
        return None
    models = in_order({model for found in by_task.values() for model in found})
    rows: list[dict[str, Any]] = []
    notes: dict[str, list[str]] = {"en": [], "zh": []}
    for task, found in sorted(by_task.items()):
        about = abouts.get(task) or {}
        rows.append(
            {
                "name": task,
                "questions": _questions(about, max(score["questions"] for score in found.values())),
                "cells": [_with_interval(found.get(model), "accuracy") for model in models],
            }
        )
        for english, chinese in _benchmark_notes(task, about, {model: found.get(model, {}) for model in models}):
            notes["en"].append(english)
            notes["zh"].append(chinese)
    return {"models": model_labels(models, released=released), "rows": rows, "notes": notes}


def _questions(about: Mapping[str, Any], asked: int) -> Both:
    whole = (about.get("published") or {}).get("questions")
    if part_asked(about) is None or not whole:
        return {"en": f"{asked:,}", "zh": f"{asked:,}"}
    return {"en": f"{asked:,} of {whole:,}", "zh": f"{whole:,} 题中的 {asked:,}"}


def _benchmark_notes(
    task: str, about: Mapping[str, Any], by_model: Mapping[str, Mapping[str, Any]]
) -> Iterable[tuple[str, str]]:
    part = part_asked(about)
    if part is not None:
        yield f"{task}: {part['en']}", f"{task}：{part['zh']}"
    for model, score in by_model.items():
        cut = prompts_cut(score.get("truncated", 0), score.get("questions", 0))
        if cut is not None:
            yield f"{task}, {model}: {cut['en']}", f"{task}，{model}：{cut['zh']}"
        flags = score.get("flags") or []
        if flags:
            chinese = "；".join(map(flag_in_chinese, flags))
            yield f"{task}, {model}: flagged: {', '.join(flags)}", f"{task}，{model}：已标记：{chinese}"


def model_labels(models: Sequence[str], *, released: str) -> dict[str, list[str]]:
    """Return the models as the heads of a table's columns; the released one is marked."""
    return {
        "en": [f"{model} (this model)" if model == released else model for model in models],
        "zh": [f"{model}（本模型）" if model == released else model for model in models],
    }


def harm_rows(by_model: Mapping[str, Any], *, released: str) -> dict[str, Any] | None:
    """Return the share of flagged generations by model, and the released model's by category."""
    models = in_order(by_model)
    if not models:
        return None
    labels = model_labels(models, released=released)
    rows = [
        {
            "model": {"en": english, "zh": chinese},
            "prompts": by_model[model]["prompts"],
            "harmful": by_model[model]["harmful"],
            "rate": _with_interval(by_model[model], "harmful_rate"),
        }
        for model, english, chinese in zip(models, labels["en"], labels["zh"], strict=True)
    ]
    shown = released if released in by_model else models[-1]
    categories = [
        f"{category} {counts['harmful']}/{counts['prompts']}"
        for category, counts in sorted((by_model[shown].get("by_category") or {}).items())
    ]
    cuts = {m: prompts_cut(by_model[m].get("truncated", 0), by_model[m]["prompts"]) for m in models}
    notes = {key: [f"{model}: {cut[key]}" for model, cut in cuts.items() if cut] for key in ("en", "zh")}
    return {"rows": rows, "categories": categories, "of": shown, "notes": notes}


def gate_row(gate: Mapping[str, Any]) -> dict[str, Any]:
    """Return a gate with its figures as text."""
    return {**gate, "limit": _figure(gate["limit"]), "value": _figure(gate["value"])}


def corpus_row(corpus: CorpusLine, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a corpus with its license and how many documents were read, kept and trained on."""
    counts = facts.get("corpus", {}).get("corpora", {}).get(corpus.name, {})
    notes: dict[CorpusUse, tuple[str, str]] = {
        "open": (corpus.license, corpus.license),
        "non-commercial": (f"{corpus.license} (non-commercial)", f"{corpus.license}（禁止商用）"),
        "unlabelled": ("not stated", "未注明"),
    }
    english, chinese = notes[corpus_use(corpus.license)]
    shown = {key: f"{counts[key]:,}" if key in counts else "–" for key in ("read", "kept", "train")}
    return {
        "name": corpus.name,
        "language": corpus.language,
        "source": corpus.source,
        "weight": f"{corpus.weight:g}",
        "license": {"en": english, "zh": chinese},
        **shown,
    }


def masked_of(facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return how much personal data of each kind was replaced."""
    totals = masked_by_kind(facts.get("corpus", {}))
    return [f"{kind} {number:,}" for kind, number in sorted(totals.items()) if number]


def _with_interval(score: Mapping[str, Any] | None, key: str) -> str:
    if score is None or score.get(key) is None:
        return "–"
    interval = score.get("interval")
    return _figure(score[key]) + (f" [{_figure(interval[0])}, {_figure(interval[1])}]" if interval else "")


def _figure(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
