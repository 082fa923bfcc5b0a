"""The model card, in English and Chinese: every figure in it comes from a manifest or from the scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hanhua.base_tokenizer import LLAMA3
from hanhua.documents.readers import HUB_PREFIX
from hanhua.errors import MissingExtra
from hanhua.figures.corpus_figures import compression_of, masked_by_kind
from hanhua.figures.run_models import in_order
from hanhua.hub_names import is_hub_id
from hanhua.release.job import CorpusLine, ReleaseJob
from hanhua.release.licenses import HARM_HEADING, TERMS, CorpusUse, Terms, corpus_use
from hanhua.release.other_licenses import other_terms

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class CardFacts:
    """What the card is made from: facts by artifact, the training config, the scores (None: not evaluated).

    has_base: whether an adapter's release carries the model it belongs to. license_id: of a base that is no Llama.
    """

    parameters: int
    facts: Mapping[str, Mapping[str, Any]]
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] | None = None
    has_base: bool = False
    license_id: str = ""

    def terms(self, job: ReleaseJob) -> Terms:
        """Return the terms the card speaks of."""
        if job.base_family is None:
            return other_terms(self.license_id, base_name=job.base_name)
        return TERMS[job.base_family]


def write_card(job: ReleaseJob, name: str, found: CardFacts) -> str:
    """Return README.md for a release.

    name: the model's name. Raises MissingExtra without jinja2.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise MissingExtra("the model card", "report") from None
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown; `cell` masks what would break out of it
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    text = environment.get_template("card.md.jinja").render(_context(job, name, found))
    return text.rstrip() + "\n"


def cell(value: Any) -> str:
    """Return a value for a Markdown table or line: one line, no bars, no HTML."""
    text = " ".join(str(value).split())
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


def front_matter(job: ReleaseJob, name: str, found: CardFacts) -> dict[str, Any]:
    """Return the card's metadata as the Hub reads it."""
    data: dict[str, Any] = {
        "language": ["zh", "en"],
        "license": found.terms(job).license_id,
        "library_name": "peft" if job.kind == "adapter" else "transformers",
    }
    if job.kind != "tokenizer":
        data["pipeline_tag"] = "text-generation"
    if not job.toy and is_hub_id(job.base_name):
        data |= {"base_model": job.base_name, "base_model_relation": "adapter" if job.kind == "adapter" else "finetune"}
    datasets = sorted({c.source.removeprefix(HUB_PREFIX) for c in job.corpora if c.source.startswith(HUB_PREFIX)})
    if datasets:
        data["datasets"] = datasets
    work = "vocabulary-extension" if job.kind == "tokenizer" else "continued-pretraining"
    data["tags"] = [
        *(["llama-3"] if job.base_family is not None else []),
        "chinese",
        work,
        *(["toy"] if job.toy else []),
    ]
    benchmarks = (found.scores or {}).get("benchmarks") or {}
    # A toy model's accuracy on a leaderboard would be read as a model's.
    if benchmarks and not job.toy:
        data["model-index"] = [{"name": name, "results": list(_index_entries(benchmarks))}]
    return data


def compression_rows(found: CardFacts) -> list[dict[str, Any]]:
    """Return characters per token by corpus, base and extended; from the scores, else from the tokenizer."""
    measured = compression_of(found.facts.get("tokenizer"), found.scores)
    both = sorted((one for one in measured if one.gain), key=lambda one: one.corpus)
    return [{"corpus": one.corpus, "base": one.base, "extended": one.extended, "gain": one.gain} for one in both]


def card_plots(found: CardFacts) -> dict[str, str]:
    """Return the card's plots as SVG, by name: compression, and bits per character where there are scores."""
    from hanhua.figures.plots import Line, plot_bits, plot_compression

    drawn = {}
    rows = compression_rows(found)
    if rows:
        drawn["compression"] = plot_compression([(row["corpus"], row["base"], row["extended"]) for row in rows])
    by_model = (found.scores or {}).get("language_modeling") or {}
    lines = [
        Line(corpus, model, by_model[model][corpus]["bits_per_character"], by_model[model][corpus].get("interval"))
        for corpus in sorted({corpus for scores in by_model.values() for corpus in scores})
        for model in in_order(by_model)
        if by_model[model].get(corpus, {}).get("bits_per_character") is not None
    ]
    if lines:
        drawn["bits_per_character"] = plot_bits(lines)
    return drawn


def _context(job: ReleaseJob, name: str, found: CardFacts) -> dict[str, Any]:
    scores = found.scores or {}
    matter = yaml.safe_dump(front_matter(job, name, found), sort_keys=False, allow_unicode=True)
    return {
        "job": job,
        "name": name,
        "terms": found.terms(job),
        "front_matter": matter.strip(),
        "harm_heading": HARM_HEADING,
        "instruct": "instruct" in job.base_name.lower(),
        "llama_tokenizer": job.toy_tokenizer == LLAMA3,
        "parameters": found.parameters,
        "has_base": found.has_base,
        "plots": card_plots(found).keys(),
        "vocabulary": _vocabulary(found.facts),
        "training": _training(found),
        "compression": compression_rows(found),
        "scored": found.scores is not None,
        "language_modeling": _language_modeling(scores.get("language_modeling") or {}),
        "benchmarks": _benchmarks(scores.get("benchmarks") or {}),
        "gates": [_gate(gate) for gate in scores.get("gates") or []],
        "harm": _harm(scores.get("safety") or {}),
        "corpora": [_corpus_row(corpus, found.facts) for corpus in job.corpora],
        "masked": _masked(found.facts),
        "restricted": [c.name for c in job.corpora if corpus_use(c.license) != "open"],
    }


def _vocabulary(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    tokenizer = facts.get("tokenizer", {})
    new = int(tokenizer.get("new_tokens", 0))
    extended = int(tokenizer.get("vocab_size") or facts.get("base", {}).get("vocab_size", 0))
    return {"base": extended - new, "new_tokens": new, "extended": extended}


def _training(found: CardFacts) -> dict[str, list[str]]:
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


def _language_modeling(by_model: Mapping[str, Any]) -> dict[str, Any] | None:
    models = in_order(by_model)
    if not models:
        return None
    corpora = sorted({corpus for model in models for corpus in by_model[model]})
    rows = [
        {"name": corpus, "cells": [_with_interval(by_model[m].get(corpus), "bits_per_character") for m in models]}
        for corpus in corpora
    ]
    return {"models": models, "rows": rows}


def _benchmarks(by_task: Mapping[str, Any]) -> dict[str, Any] | None:
    if not by_task:
        return None
    models = in_order({model for scores in by_task.values() for model in scores})
    rows, english, chinese = [], [], []
    for task, scores in sorted(by_task.items()):
        questions = max(score["questions"] for score in scores.values())
        rows.append(
            {
                "name": task,
                "questions": questions,
                "cells": [_with_interval(scores.get(model), "accuracy") for model in models],
            }
        )
        for model in models:
            flags = ", ".join(scores.get(model, {}).get("flags") or [])
            if flags:
                english.append(f"{task}, {model}: flagged: {flags}")
                chinese.append(f"{task}，{model}：已标记：{flags}")
    return {"models": models, "rows": rows, "notes": {"en": english, "zh": chinese}}


def _harm(by_model: Mapping[str, Any]) -> dict[str, Any] | None:
    models = in_order(by_model)
    if not models:
        return None
    rows = [
        {
            "model": model,
            "prompts": by_model[model]["prompts"],
            "harmful": by_model[model]["harmful"],
            "rate": _with_interval(by_model[model], "harmful_rate"),
        }
        for model in models
    ]
    shown = by_model.get("restored") or by_model.get("adapted") or by_model[models[-1]]
    categories = [
        f"{category} {counts['harmful']}/{counts['prompts']}"
        for category, counts in sorted((shown.get("by_category") or {}).items())
    ]
    return {"rows": rows, "categories": categories}


def _gate(gate: Mapping[str, Any]) -> dict[str, Any]:
    return {**gate, "limit": _figure(gate["limit"]), "value": _figure(gate["value"])}


def _corpus_row(corpus: CorpusLine, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
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


def _masked(facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    totals = masked_by_kind(facts.get("corpus", {}))
    return [f"{kind} {number:,}" for kind, number in sorted(totals.items()) if number]


def _index_entries(benchmarks: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for task, scores in sorted(benchmarks.items()):
        released = scores.get("restored") or scores.get("adapted")
        if released:
            yield {
                "task": {"type": "text-generation", "name": "multiple choice"},
                "dataset": {"type": task, "name": task},
                "metrics": [{"type": "accuracy", "name": "accuracy", "value": round(released["accuracy"], 4)}],
            }


def _with_interval(score: Mapping[str, Any] | None, key: str) -> str:
    if score is None or score.get(key) is None:
        return "–"
    interval = score.get("interval")
    return _figure(score[key]) + (f" [{_figure(interval[0])}, {_figure(interval[1])}]" if interval else "")


def _figure(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
