"""Ranks ways to begin and train the new rows by what they become: a short run each, on the user's own texts.

The loss before any training misleads: a method can begin lower and end higher. Some fifty steps rank methods.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hanhua.artifacts.files import read_json, sha256_of, write_json
from hanhua.artifacts.fingerprint import canonical, fingerprint
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.manifest import Artifact, FileEntry, open_artifact
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.documents import Document, read_corpus
from hanhua.errors import MissingExtra
from hanhua.experiments.probe_corpus import write_probe_corpus
from hanhua.experiments.probe_methods import Tried
from hanhua.experiments.probe_ranking import Measured, Standing, rank
from hanhua.progress import say
from hanhua.vocab_extension.resize.resize import grow_model, rows_with_token
from hanhua.vocab_extension.resize.weight_source import open_source
from hanhua.weights import weight_files

if TYPE_CHECKING:
    from hanhua.eval.language.bits_per_byte import DocumentLikelihood

TRAINING = ContinuedPretrainConfig(sequence_length=512, micro_batch_size=2, gradient_accumulation_steps=4)
"""Default training of a probe: as in continued pretraining, in steps of 4,096 tokens."""
BYTES_PER_TOKEN = 8
"""More bytes than a token has in any Chinese text, so that enough text is drawn."""


@dataclass(frozen=True)
class ProbeConfig:
    """What is tried and how. methods: names that `Tried.parse` knows. training: of each run, for `steps` and a seed."""

    methods: tuple[str, ...] = ("mean", "mean+calibrated", "calibrated", "gaussian", "random")
    steps: int = 50
    seeds: int = 2
    training: ContinuedPretrainConfig = TRAINING
    max_heldout: int = 100
    max_characters: int = 2000
    context_tokens: int = 1024
    text_field: str = "text"
    split: str = "train"


@dataclass(frozen=True)
class Probed:
    """What a probe found, best first. base: the model before, with its own tokenizer, in bits per byte."""

    standings: list[Standing]
    base_bits_per_byte: float
    heldout_documents: int
    steps: int
    tokens_per_run: int
    seeds: int


@dataclass(frozen=True)
class _Bench:
    """What all runs of a probe share."""

    config: ProbeConfig
    model: Path
    tokenizer: Path
    corpus: Artifact
    documents: Sequence[Document]
    work: Path
    key: Mapping[str, Any]


def probe(config: ProbeConfig, *, model: Path, tokenizer: Path, sources: Sequence[str], work: Path) -> Probed:
    """Train every method with every seed and rank them by held-out bits per byte.

    work: a folder in which finished runs are kept, so that an interrupted probe resumes where it was, and one with
    more methods or seeds runs only those; it holds one resized model at a time. Raises MissingExtra without torch.
    """
    require_training()
    tried = [Tried.parse(name) for name in config.methods]
    methods = {method: method.changes(config.training, tried) for method in tried}
    bench = _prepare(config, model, tokenizer, sources, work)
    base = _kept(bench, {"run": "base"}, lambda _: {"after": _score(bench, "base", model)})
    # Seed by seed, so that a probe that is stopped early has tried every method equally often.
    runs = {
        (method, seed): _run(bench, method, changes, seed)
        for seed in range(config.seeds)
        for method, changes in methods.items()
    }
    found = {
        str(method): Measured(
            *(
                np.array([_bits(runs[method, seed][side]) for seed in range(config.seeds)])
                for side in ("before", "after")
            )
        )
        for method in methods
    }
    sizes = [row["bytes"] for row in base["after"]]
    base_bits = float(_bits(base["after"]).sum() / sum(sizes))
    tokens = config.steps * config.training.tokens_per_step
    return Probed(rank(found, sizes), base_bits, len(sizes), config.steps, tokens, config.seeds)


def require_training() -> None:
    """Raise MissingExtra when a probe cannot train here."""
    if any(find_spec(name) is None for name in ("torch", "peft", "accelerate")):
        raise MissingExtra("vocab-extension probe", "train")


def _prepare(config: ProbeConfig, model: Path, tokenizer: Path, sources: Sequence[str], work: Path) -> _Bench:
    work.mkdir(parents=True, exist_ok=True)
    hashes = FileHashes(work / "hashes.json")
    train_bytes = config.steps * config.training.tokens_per_step * BYTES_PER_TOKEN
    texts = {
        "sources": [hashes.of(Path(source)) if Path(source).is_file() else source for source in sources],
        "fields": [config.text_field, config.split],
        "max_heldout": config.max_heldout,
        "train_bytes": train_bytes,
    }
    folder = work / f"corpus-{fingerprint(texts)[:12]}"
    if not folder.is_dir():
        aside = folder.with_name(folder.name + ".partial")
        shutil.rmtree(aside, ignore_errors=True)
        write_probe_corpus(
            sources,
            aside,
            train_bytes=train_bytes,
            max_heldout=config.max_heldout,
            text_field=config.text_field,
            split=config.split,
            seed=0,
        )
        aside.rename(folder)
    corpus = open_artifact(folder, kind="corpus")
    documents = sorted(read_corpus(folder, split="heldout"), key=lambda document: document.id)
    key = {
        "model": {path.name: hashes.of(path) for path in [model / "config.json", *weight_files(model)]},
        "tokenizer": sha256_of(tokenizer / "tokenizer.json"),
        "corpus": corpus.content_hash,
        "training": config.training.model_dump(mode="json"),
        "steps": config.steps,
        "scoring": [config.max_characters, config.context_tokens],
    }
    return _Bench(config, model, tokenizer, corpus, documents, work, key)


def _run(bench: _Bench, method: Tried, changes: Mapping[str, Any], seed: int) -> dict[str, Any]:
    def run(folder: Path) -> dict[str, Any]:
        say(f"probe: {method}, seed {seed}")
        return _train_and_score(bench, method, changes, seed, folder)

    what = {"run": str(method), "seed": seed}
    return _kept(bench, {**what, "changes": canonical(changes)} if changes else what, run)


def _kept(bench: _Bench, what: Mapping[str, Any], run: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Return what a run gave, from before if it was finished; remove what it left on the disk."""
    name = fingerprint({**bench.key, **what})[:16]
    result, folder = bench.work / f"run-{name}.json", bench.work / f"run-{name}"
    if not result.is_file():
        write_json(result, {**what, **run(folder)})
    shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, Any] = read_json(result)
    return found


def _train_and_score(
    bench: _Bench, method: Tried, changes: Mapping[str, Any], seed: int, folder: Path
) -> dict[str, Any]:
    from hanhua.continued_pretrain.stage import pretrain_folder

    resized = folder / "resized"
    if not resized.is_dir():
        aside = folder / "resized.partial"
        shutil.rmtree(aside, ignore_errors=True)
        grow_model(bench.model, tokenizer=bench.tokenizer, out=aside, methods=method.rows, seed=seed)
        aside.rename(resized)
    before = _score(bench, "before", resized)
    training = ContinuedPretrainConfig.model_validate(
        {
            **bench.config.training.model_dump(mode="json"),
            **changes,
            "max_tokens": bench.config.steps * bench.config.training.tokens_per_step,
            "weights": {},
            "seed": seed,
            "save_steps": bench.config.steps,
        }
    )
    first = rows_with_token(open_source(bench.model))
    facts = pretrain_folder(training, _unhashed(resized, bench), bench.corpus, folder, first_new_id=first)
    return {"before": before, "after": _score(bench, "after", folder / "model"), "last_loss": facts["last_loss"]}


def _unhashed(folder: Path, bench: _Bench) -> Artifact:
    """Return a folder this probe has just made as an artifact, named by what it was made of, without reading it."""
    entries = tuple(FileEntry(path.name, path.stat().st_size, "") for path in sorted(folder.iterdir()))
    return Artifact(folder, "resized", fingerprint({**bench.key, "folder": folder.parent.name}), entries, {}, {})


def _score(bench: _Bench, name: str, folder: Path) -> list[dict[str, Any]]:
    """Return the held-out likelihood by document."""
    from hanhua.eval.engine.loaded_model import execution, load_model
    from hanhua.eval.engine.model_folder import open_model_folder
    from hanhua.eval.engine.runner import runner_of
    from hanhua.eval.language.bits_per_byte import rows_of
    from hanhua.eval.language.likelihoods import score_documents

    with execution(bench.config.training.threads):
        model = load_model(open_model_folder(name, folder, hash_of_content="unused"))
        scored: list[DocumentLikelihood] = score_documents(
            runner_of(model, batch_size=4),
            bench.documents,
            context_tokens=bench.config.context_tokens,
            max_characters=bench.config.max_characters,
        )
    return rows_of(scored)


def _bits(rows: Sequence[Mapping[str, Any]]) -> Any:
    return np.array([row["nats"] for row in rows]) / np.log(2)
