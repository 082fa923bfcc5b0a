"""Scores and sample files, made from what was measured. No torch, no model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from hanhua.encoding import Encoder
from hanhua.eval.behavior.behavior import Observed, observed_rows
from hanhua.eval.behavior.judging import Judge
from hanhua.eval.behavior.safety import Judged, summarise_judged
from hanhua.eval.config import EvalConfig
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.language.bits_per_byte import DocumentLikelihood, rows_of, summarise_documents
from hanhua.eval.language.fertility import measure_fertility
from hanhua.eval.language.heldout import HeldOut
from hanhua.eval.language.token_costs import token_costs, words_cut_by_tokens
from hanhua.eval.language.truncated_prompts import Cut, cuts_as_rows, summarise_cuts
from hanhua.eval.material import Material

if TYPE_CHECKING:
    from hanhua.eval.plan import Measured


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
    assert config.language_modeling is not None
    limit = config.language_modeling.max_fertility_documents
    owners = {tokenizers[model.name]: model for model in reversed(models)}
    encoders = {name: Encoder(owners[name].tokenizer) for name in dict.fromkeys(tokenizers.values())}
    return {
        name: {corpus: measure_fertility(encoder, documents[:limit]) for corpus, documents in heldout.documents.items()}
        for name, encoder in encoders.items()
    }


def score_likelihoods(
    by_corpus: Mapping[str, Sequence[DocumentLikelihood]],
    at_characters: Mapping[str, Sequence[DocumentLikelihood]],
    *,
    context_characters: int | None,
    seed: int,
) -> dict[str, Any]:
    """Return one model's bits per byte and character by corpus, and `at_characters`: with equal text before all."""
    found = {corpus: summarise_documents(documents, seed=seed) for corpus, documents in by_corpus.items()}
    for corpus, documents in at_characters.items():
        equal = summarise_documents(documents, seed=seed)
        kept = ("nats", "bits_per_byte", "bits_per_character", "interval")
        found[corpus]["at_characters"] = {"context_characters": context_characters, **{key: equal[key] for key in kept}}
    return found


def score_tokens(
    config: EvalConfig,
    models: Sequence[ModelFolder],
    fertility: Mapping[str, Any],
    tokenizers: Mapping[str, str],
    heldout: HeldOut,
    cuts: Mapping[str, Mapping[str, Sequence[Cut]]],
) -> dict[str, Any]:
    """Return what each model's tokens cost and save, by model and corpus."""
    settings = config.language_modeling
    assert settings is not None
    chinese = heldout.corpora("zh")
    words: dict[tuple[str, str], dict[str, Any]] = {}
    found: dict[str, Any] = {}
    for model in models:
        known = found[model.name] = {}
        for corpus, documents in heldout.documents.items():
            known[corpus] = token_costs(model, fertility[tokenizers[model.name]][corpus])
            if corpus in chinese:
                key = (tokenizers[model.name], corpus)
                some = documents[: settings.max_documents]
                words[key] = words.get(key) or words_cut_by_tokens(
                    model.tokenizer, some, max_characters=settings.max_characters
                )
                known[corpus]["word_ends_inside_tokens"] = words[key]
            if corpus in cuts.get(model.name, {}):
                known[corpus]["truncated_prompts"] = summarise_cuts(cuts[model.name][corpus], seed=config.seed)
    return found


def score_safety(
    judged: Mapping[str, Sequence[Judged]], in_chat: Mapping[str, bool], *, judge: Judge | None
) -> dict[str, Any]:
    """Return every model's rates of harm and refusal, and whether its prompts went through a chat template."""
    return {
        model: {**summarise_judged(ones, judge=judge), "prompt_format": "chat" if in_chat[model] else "raw"}
        for model, ones in judged.items()
    }


def write_samples(folder: Path, measured: Measured, *, observed: Sequence[Observed], judged: Sequence[Judged]) -> None:
    """Write one model's sample files, which every number of its scores is a sum of."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Iterable[Mapping[str, Any]]] = {
        "language_modeling": _document_rows(measured.documents),
        "language_modeling_at_characters": _document_rows(measured.documents_at_characters),
        "truncated_prompts": (
            {"corpus": corpus, **row} for corpus, cuts in measured.cuts.items() for row in cuts_as_rows(cuts)
        ),
        **{name: data["rows"] for name, data in measured.answers.items()},
        "characters": measured.characters,
        "behavior": observed_rows(observed),
        "safety": (vars(one) for one in judged),
    }
    for name, rows in files.items():
        lines = list(rows)
        if lines:
            _write_rows(folder / f"{name}.jsonl.zst", lines)


def chinese_and_english(material: Material) -> dict[str, tuple[str, ...]]:
    """Return the corpora in each language that gates speak of, as `check_gates` takes them."""
    heldout = material.heldout
    return {
        name: heldout.corpora(code) if heldout is not None else ()
        for name, code in (("chinese", "zh"), ("english", "en"))
    }


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
