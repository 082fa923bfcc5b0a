"""Runs models over the material, one part at a time; finished parts are kept and never run twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanhua.eval.behaviour.safety import Prompt
from hanhua.eval.config import EvalConfig, LanguageModelling, Safety
from hanhua.eval.engine.generation import Sampling
from hanhua.eval.engine.loaded_model import Reader, execution
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.runner import OnDone, Runner, open_runner
from hanhua.eval.language.bits_per_byte import DocumentLikelihood, documents_of, rows_of
from hanhua.eval.language.likelihoods import score_documents
from hanhua.eval.material import Material, Questionnaire
from hanhua.eval.parts import Parts, sha256_of_texts
from hanhua.eval.tasks.choice4 import answer_questions, make_tasks, sha256_of_prompt
from hanhua.eval.tasks.questions import sha256_of_questions
from hanhua.progress import Progress, say


@dataclass
class Measured:
    """What one model gave: likelihoods by corpus, answers by benchmark, generations by prompt."""

    documents: dict[str, list[DocumentLikelihood]] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    generations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """One measure of one model: what decides its result, how to run it, where the result goes."""

    name: str
    unit: str
    key: dict[str, Any]
    run: Callable[[Runner, OnDone], Any]
    keep: Callable[[Measured, Any], None]


def measure_models(
    config: EvalConfig, models: Sequence[ModelFolder], material: Material, *, out: Path, cache: Path | None = None
) -> dict[str, Measured]:
    """Return every model's measurements by name; models are loaded one at a time, and only if needed.

    cache: where answers are kept from batch to batch; below `out`, for this evaluation alone, unless given.
    """
    parts, measured = Parts(out / "work" / "parts"), {}
    with execution(config.threads):
        for model in models:
            with open_runner(
                model,
                dtype=config.dtype,
                batch_size=config.batch_size,
                cache=cache or out / "work" / "responses",
                processes=config.processes,
                threads=config.threads,
            ) as runner:
                measured[model.name] = _measure_model(config, model, runner, material, parts, out)
    return measured


def _measure_model(
    config: EvalConfig, source: ModelFolder, runner: Runner, material: Material, parts: Parts, out: Path
) -> Measured:
    measured = Measured()
    plan = list(_plan_parts(config, source, material))
    for number, part in enumerate(plan, 1):
        key = {"model": source.content_hash, "dtype": config.dtype, "batch_size": config.batch_size, **part.key}
        data = parts.get(key)
        began = time.monotonic()
        cached = data is not None
        title = f"eval {source.name} ({number}/{len(plan)}) {part.name}"
        if data is None:
            with Progress(title, total=None, unit=part.unit) as bar:
                data = part.run(runner, _advancing(bar))
            parts.put(key, data)
        else:
            say(f"{title}: kept from before")
        part.keep(measured, data)
        _log(out, model=source.name, part=part.name, seconds=round(time.monotonic() - began, 3), cached=cached)
    return measured


def _plan_parts(config: EvalConfig, source: ModelFolder, material: Material) -> Iterator[Part]:
    if config.language_modelling is not None and material.heldout is not None:
        for corpus in material.heldout.documents:
            yield _language_modelling_part(config, config.language_modelling, material, corpus)
    for questionnaire in material.questionnaires:
        yield _benchmark_part(config, questionnaire)
    if config.safety is not None:
        yield _safety_part(config, config.safety, source, material.prompts)


def _language_modelling_part(config: EvalConfig, settings: LanguageModelling, material: Material, corpus: str) -> Part:
    assert material.heldout is not None
    documents = material.heldout.documents[corpus][: settings.max_documents]

    def run(runner: Runner, on_done: OnDone) -> list[dict[str, Any]]:
        scored = score_documents(
            runner,
            documents,
            context_tokens=settings.context_tokens,
            max_characters=settings.max_characters,
            on_done=on_done,
        )
        return rows_of(scored)

    def keep(measured: Measured, data: Any) -> None:
        measured.documents[corpus] = documents_of(data)

    key = {
        "measure": "language_modelling",
        "context_tokens": settings.context_tokens,
        "max_characters": settings.max_characters,
        "documents": sha256_of_texts(part for d in documents for part in (d.id, d.source, d.text)),
    }
    return Part(f"likelihood of {corpus}", "tokens", key, run, keep)


def _benchmark_part(config: EvalConfig, questionnaire: Questionnaire) -> Part:
    benchmark, shots = questionnaire.benchmark, questionnaire.shots

    def run(runner: Runner, on_done: OnDone) -> dict[str, Any]:
        tasks = make_tasks(benchmark.name, questionnaire.questions, shots, prompt=benchmark.prompt)
        return answer_questions(runner, tasks, on_done=on_done)

    def keep(measured: Measured, data: Any) -> None:
        measured.answers[benchmark.name] = data

    key = {
        "measure": "choice4",
        "prompt": sha256_of_prompt(benchmark.prompt),
        "questions": sha256_of_questions(questionnaire.questions),
        "shots": {subject: sha256_of_questions(solved) for subject, solved in shots.by_subject.items()},
    }
    return Part(f"benchmark {benchmark.name}", "tokens", key, run, keep)


def _safety_part(config: EvalConfig, safety: Safety, source: ModelFolder, prompts: Sequence[Prompt]) -> Part:
    in_chat = safety.chat_template and source.has_chat_template

    sampling = Sampling(safety.max_new_tokens, temperature=safety.temperature, seed=config.seed)

    def run(runner: Runner, on_done: OnDone) -> list[str]:
        encoded = [encode_prompt(runner.reader, prompt.text, in_chat=in_chat) for prompt in prompts]
        return [found.text for found in runner.generate(encoded, sampling, on_done=on_done)]

    def keep(measured: Measured, data: Any) -> None:
        measured.generations = list(data)

    key = {
        "measure": "safety",
        "max_new_tokens": safety.max_new_tokens,
        "temperature": safety.temperature,
        "seed": config.seed,
        "chat": in_chat,
        "prompts": sha256_of_texts(prompt.text for prompt in prompts),
    }
    return Part("answers to safety prompts", "prompts", key, run, keep)


def encode_prompt(model: Reader, text: str, *, in_chat: bool) -> list[int]:
    """Return a prompt's ids with BOS exactly once, bare or as the tokenizer's chat template puts it."""
    if not in_chat:
        return [model.bos_id, *model.encode([text])[0]]
    written = model.tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
    )
    ids = list(model.tokenizer(written, add_special_tokens=False, verbose=False)["input_ids"])
    return ids if ids[:1] == [model.bos_id] else [model.bos_id, *ids]


def _advancing(bar: Progress) -> OnDone:
    def advance(amount: int, total: int) -> None:
        bar.total = total
        bar.advance(amount)

    return advance


def _log(out: Path, **row: Any) -> None:
    logs = out / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / "eval.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
