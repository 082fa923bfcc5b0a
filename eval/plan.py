"""The parts of an evaluation: each one measure of one model, with all that decides its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hanhua.eval.behavior.characters import PROMPT_VERSION, ask_characters
from hanhua.eval.behavior.prompts import Prompt
from hanhua.eval.config import Behavior, Continuations, EvalConfig, LanguageModeling, Replies, Safety
from hanhua.eval.engine.loaded_model import Reader
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.requests import Generated, OnDone, Sampling
from hanhua.eval.engine.runner import Runner
from hanhua.eval.language.bits_per_byte import DocumentLikelihood, documents_of, rows_of
from hanhua.eval.language.likelihoods import score_documents
from hanhua.eval.language.truncated_prompts import Cut, cuts_as_rows, score_cuts
from hanhua.eval.material import Material, Questionnaire
from hanhua.eval.parts import sha256_of_texts
from hanhua.eval.tasks.harness import answer_items, make_tasks
from hanhua.eval.tasks.items import sha256_of_items
from hanhua.eval.tasks.lm_eval_answers import answer_harness


@dataclass
class Measured:
    """What one model gave: likelihoods and cuts by corpus, answers by benchmark, replies by prompt.

    truncated: by measure, replies whose prompt was cut to the model's context.
    """

    documents: dict[str, list[DocumentLikelihood]] = field(default_factory=dict)
    documents_at_characters: dict[str, list[DocumentLikelihood]] = field(default_factory=dict)
    cuts: dict[str, list[Cut]] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    characters: list[dict[str, Any]] = field(default_factory=list)
    replies: list[Generated] = field(default_factory=list)
    generations: list[str] = field(default_factory=list)
    continuations: list[str] = field(default_factory=list)
    truncated: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """One measure of one model: what decides its result, how to run it, where the result goes."""

    name: str
    unit: str
    key: dict[str, Any]
    run: Callable[[Runner, OnDone], Any]
    keep: Callable[[Measured, Any], None]


def plan_parts(config: EvalConfig, source: ModelFolder, material: Material) -> Iterator[Part]:
    """Yield the parts of one model, in the order they run."""
    settings = config.language_modeling
    if settings is not None and material.heldout is not None:
        for corpus in material.heldout.documents:
            yield _language_modeling_part(settings, material, corpus)
            if settings.context_characters is not None:
                yield _language_modeling_part(settings, material, corpus, characters=settings.context_characters)
        for corpus in material.heldout.corpora("zh") if settings.max_truncated_prompts else ():
            yield _cuts_part(config, settings, material, corpus)
    for questionnaire in material.questionnaires:
        yield _benchmark_part(config, questionnaire, source)
    if material.words:
        yield _characters_part(material.words)
    if config.behavior is not None:
        yield _behavior_part(config, config.behavior, source, material.behavior_prompts)
    if config.continuations is not None:
        yield _continuations_part(config, config.continuations, source)
    if config.safety is not None:
        yield _safety_part(config, config.safety, source, material.prompts)


def encode_prompt(model: Reader, text: str, *, in_chat: bool, system_prompt: str | None = None) -> list[int]:
    """Return a prompt's ids with BOS exactly once, bare or as the tokenizer's chat template puts it."""
    if not in_chat:
        return [model.bos_id, *model.encode([text])[0]]
    turns = [{"role": "system", "content": system_prompt}] if system_prompt else []
    turns.append({"role": "user", "content": text})
    written = model.tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    ids = list(model.tokenizer(written, add_special_tokens=False, verbose=False)["input_ids"])
    return ids if ids[:1] == [model.bos_id] else [model.bos_id, *ids]


def _language_modeling_part(
    settings: LanguageModeling, material: Material, corpus: str, *, characters: int | None = None
) -> Part:
    assert material.heldout is not None
    documents = material.heldout.documents[corpus][: settings.max_documents]

    def run(runner: Runner, on_done: OnDone) -> list[dict[str, Any]]:
        scored = score_documents(
            runner,
            documents,
            context_tokens=settings.context_tokens,
            max_characters=settings.max_characters,
            context_characters=characters,
            on_done=on_done,
        )
        return rows_of(scored)

    def keep(measured: Measured, data: Any) -> None:
        kept = measured.documents if characters is None else measured.documents_at_characters
        kept[corpus] = documents_of(data)

    key = {
        "measure": "language_modeling",
        "context_tokens": settings.context_tokens,
        "context_characters": characters,
        "max_characters": settings.max_characters,
        "documents": sha256_of_texts(part for d in documents for part in (d.id, d.source, d.text)),
    }
    at = "" if characters is None else f" at {characters} characters"
    return Part(f"likelihood of {corpus}{at}", "tokens", key, run, keep)


def _cuts_part(config: EvalConfig, settings: LanguageModeling, material: Material, corpus: str) -> Part:
    assert material.heldout is not None and settings.max_truncated_prompts is not None
    documents = material.heldout.documents[corpus][: settings.max_documents]
    limit = settings.max_truncated_prompts

    def run(runner: Runner, on_done: OnDone) -> list[dict[str, Any]]:
        return cuts_as_rows(score_cuts(runner, documents, max_prompts=limit, seed=config.seed, on_done=on_done))

    def keep(measured: Measured, data: Any) -> None:
        measured.cuts[corpus] = [Cut(**row) for row in data]

    key = {
        "measure": "truncated_prompts",
        "max_truncated_prompts": limit,
        "seed": config.seed,
        "documents": sha256_of_texts(part for d in documents for part in (d.id, d.text)),
    }
    return Part(f"prompts cut in mid-word, {corpus}", "tokens", key, run, keep)


def _benchmark_part(config: EvalConfig, questionnaire: Questionnaire, source: ModelFolder) -> Part:
    task, shots = questionnaire.task, questionnaire.shots
    in_chat, system_prompt = config.benchmark_chat(
        questionnaire.benchmark, source.name, has_template=source.has_chat_template
    )

    def run(runner: Runner, on_done: OnDone) -> dict[str, Any]:
        if questionnaire.harness is not None:
            return answer_harness(
                runner, questionnaire.harness, in_chat=in_chat, system_prompt=system_prompt, on_done=on_done
            )
        asked = make_tasks(task, questionnaire.items, shots)
        return answer_items(runner, task, asked, in_chat=in_chat, system_prompt=system_prompt, on_done=on_done)

    def keep(measured: Measured, data: Any) -> None:
        measured.answers[task.name] = {**data, "prompt_format": "chat" if in_chat else "raw"}

    key = {
        "measure": task.kind,
        "prompt": task.prompt_sha256,
        "items": sha256_of_items(questionnaire.items),
        "shots": {subject: sha256_of_items(solved) for subject, solved in shots.by_subject.items()},
        "chat": [system_prompt, "examples as turns"] if in_chat else None,
        **({} if questionnaire.harness is None else {"lm_eval": [task.wording.version, questionnaire.harness.shots]}),
    }
    return Part(f"benchmark {task.name}", "prompts" if task.kind == "written" else "tokens", key, run, keep)


def _characters_part(words: Sequence[str]) -> Part:
    def run(runner: Runner, on_done: OnDone) -> list[dict[str, Any]]:
        return ask_characters(runner, words, on_done=on_done)

    def keep(measured: Measured, data: Any) -> None:
        measured.characters = list(data)

    key = {"measure": "characters", "prompt": PROMPT_VERSION, "words": list(words)}
    return Part("tasks on single characters", "words", key, run, keep)


def _behavior_part(config: EvalConfig, settings: Behavior, source: ModelFolder, prompts: Sequence[Prompt]) -> Part:
    part, run = _replies(config, settings, source, prompts)

    def keep(measured: Measured, data: Any) -> None:
        measured.replies = [Generated(**row) for row in data]
        measured.truncated["behavior"] = sum(reply.truncated for reply in measured.replies)

    return Part("replies to everyday prompts", "prompts", {"measure": "behavior", **part}, run, keep)


def _continuations_part(config: EvalConfig, settings: Continuations, source: ModelFolder) -> Part:
    prompts = [Prompt(str(number), text, "", True) for number, text in enumerate(settings.prompts, 1)]
    part, run = _replies(config, settings, source, prompts)

    def keep(measured: Measured, data: Any) -> None:
        # The limit may fall inside a character, whose bytes so far are no text.
        measured.continuations = [row["text"].rstrip("\ufffd") for row in data]

    return Part("continuations", "prompts", {"measure": "continuations", **part}, run, keep)


def _safety_part(config: EvalConfig, settings: Safety, source: ModelFolder, prompts: Sequence[Prompt]) -> Part:
    part, run = _replies(config, settings, source, prompts)

    def keep(measured: Measured, data: Any) -> None:
        measured.generations = [row["text"] for row in data]
        measured.truncated["safety"] = sum(bool(row.get("truncated")) for row in data)

    return Part("replies to safety prompts", "prompts", {"measure": "safety", **part}, run, keep)


def _replies(
    config: EvalConfig, settings: Replies, source: ModelFolder, prompts: Sequence[Prompt]
) -> tuple[dict[str, Any], Callable[[Runner, OnDone], Any]]:
    """Return the key of replies to prompts, and what makes them."""
    sampling = Sampling(settings.max_new_tokens, temperature=settings.temperature, seed=config.seed)
    beside = config.asked_in_chat(source.name)
    in_chat = (settings.chat_template or beside is not None) and source.has_chat_template
    system_prompt = None if beside is None else beside.system_prompt

    def run(runner: Runner, on_done: OnDone) -> list[dict[str, Any]]:
        encoded = [
            encode_prompt(runner.reader, prompt.text, in_chat=in_chat, system_prompt=system_prompt)
            for prompt in prompts
        ]
        return [dict(vars(found)) for found in runner.generate(encoded, sampling, on_done=on_done)]

    key = {
        "sampling": sampling.fingerprint,
        "chat": [in_chat, system_prompt],
        "prompts": sha256_of_texts(p.text for p in prompts),
    }
    return key, run
