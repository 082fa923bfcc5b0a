"""The card's metadata as the Hub reads it. Every id in it is one the Hub takes; only whole benchmarks are ranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hanhua.documents.readers import HUB_PREFIX, parse_hub_name
from hanhua.figures.benchmark_notes import is_whole
from hanhua.hub_names import is_hub_id, is_valid_repo_id
from hanhua.release.card_facts import CardFacts
from hanhua.release.job import ReleaseJob

Scored = Mapping[str, Any]


def front_matter(job: ReleaseJob, name: str, found: CardFacts) -> dict[str, Any]:
    """Return the metadata: languages, license, bases, data sets, tags and, of a real model, its ranked scores."""
    data: dict[str, Any] = {
        "language": ["zh", "en"],
        "license": found.terms(job).license_id,
        "library_name": "peft" if job.kind == "adapter" else "transformers",
    }
    if job.kind != "tokenizer":
        data["pipeline_tag"] = "text-generation"
    data |= _bases(job, found)
    datasets = dataset_ids(corpus.source for corpus in job.corpora)
    if datasets:
        data["datasets"] = datasets
    data["tags"] = _tags(job, found)
    results = [] if job.toy else list(_index_entries(found))
    # A toy model's accuracy on a leaderboard would be read as a model's.
    if results:
        data["model-index"] = [{"name": name, "results": results}]
    return data


def dataset_ids(sources: Iterable[str]) -> list[str]:
    """Return the ids of the Hub's data sets among corpora's sources, without commit and configuration.

    >>> dataset_ids(["hf://datasets/HuggingFaceFW/fineweb-2@3a1f:cmn_Hani", "zh.jsonl"])
    ['HuggingFaceFW/fineweb-2']
    """
    named = {parse_hub_name(source)[0] for source in sources if source.startswith(HUB_PREFIX)}
    return sorted(name for name in named if is_valid_repo_id(name))


def entered_scores(scores: Scored, *, model: str) -> Iterable[tuple[str, Scored, Scored]]:
    """Yield (name, about the benchmark, the model's score) of each benchmark that may be entered in a ranking.

    It is a data set of the Hub by an id the Hub takes, and all of it was asked.
    """
    for name, by_model in sorted((scores.get("benchmarks") or {}).items()):
        about = (scores.get("tasks") or {}).get(name) or {}
        hub = about.get("hub")
        if hub and is_valid_repo_id(hub) and is_whole(about) and model in by_model:
            yield name, about, by_model[model]


def _bases(job: ReleaseJob, found: CardFacts) -> dict[str, Any]:
    if job.toy:
        return {}
    restored = found.restored
    named = [job.base_name, *([] if restored is None else [restored.instruct])]
    ids = [name for name in named if is_hub_id(name) and is_valid_repo_id(name)]
    if not ids:
        return {}
    # The Hub takes adapter, finetune, merge or quantized; tuning added from another model's weights is a merge.
    relation = "adapter" if job.kind == "adapter" else "finetune" if restored is None else "merge"
    return {"base_model": ids[0] if len(ids) == 1 else ids, "base_model_relation": relation}


def _tags(job: ReleaseJob, found: CardFacts) -> list[str]:
    work = "vocabulary-extension" if job.kind == "tokenizer" else "continued-pretraining"
    return [
        *(["llama-3"] if job.base_family is not None else []),
        "chinese",
        work,
        *(["chat-vector"] if found.restored is not None else []),
        *(["conversational"] if found.is_chat else []),
        *(["toy"] if job.toy else []),
    ]


def _index_entries(found: CardFacts) -> Iterable[dict[str, Any]]:
    for name, about, score in entered_scores(found.scores or {}, model=found.released):
        yield {
            "task": {"type": "text-generation", "name": about.get("title") or name},
            "dataset": {"type": about["hub"], "name": name},
            "metrics": [{"type": "accuracy", "name": "accuracy", "value": round(score["accuracy"], 4)}],
        }
