"""The evaluation stage: base, resized and adapted model side by side, on text none of them learned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_json
from hanhua.artifacts.manifest import Artifact
from hanhua.documents import Document, read_corpus
from hanhua.eval.behaviour.safety import Judged, judge_generations
from hanhua.eval.comparison.gates import check_gates
from hanhua.eval.config import EvalConfig
from hanhua.eval.engine.model_folder import ModelFolder, open_model_folder
from hanhua.eval.material import Material, read_material, require_models
from hanhua.eval.scores import (
    chinese_and_english,
    compare_models,
    describe_benchmark,
    name_tokenizers,
    score_answers,
    score_fertility,
    score_likelihoods,
    score_safety,
    write_samples,
)
from hanhua.skills import Skills

MODELS = ("base", "resized", "adapted", "restored")
"""In order, each before the next; `resized` is absent where the vocabulary was not extended, `restored` where no
instruct model was given."""


def evaluate(config: EvalConfig, inputs: Mapping[str, Artifact], out: Path, *, skills: Skills) -> dict[str, Any]:
    """Evaluate the models of a run: inputs corpus, base, resized, adapted, restored; models at `.path/model`.

    Writes `scores.json` and `samples/MODEL/*.jsonl.zst` into `out` and returns the facts. Called again
    after a kill, with the same `out`, it goes on behind the last finished part.
    """
    models = []
    for name in MODELS:
        if name in inputs:
            part = inputs[name].part("model")
            models.append(open_model_folder(name, part.path, hash_of_content=part.content_hash))
    documents = read_corpus(inputs["corpus"].path, split="heldout")
    stand_in = bool(inputs["base"].facts.get("stand_in", False))
    return evaluate_models(config, models, documents, out, skills=skills, stand_in=stand_in)


def evaluate_models(
    config: EvalConfig,
    models: Sequence[ModelFolder],
    documents: Iterable[Document],
    out: Path,
    *,
    skills: Skills,
    stand_in: bool = False,
) -> dict[str, Any]:
    """Evaluate any models on any held-out documents, in the order given: the first is "before".

    Everything that can be wrong with models, questions, prompts or text is said before a model is loaded.
    """
    require_models(config, models)
    material = read_material(config, documents, skills=skills)
    scores = _score(config, models, material, out, skills=skills, stand_in=stand_in)
    write_json(out / "scores.json", scores)
    return _facts(scores)


def _score(
    config: EvalConfig,
    models: Sequence[ModelFolder],
    material: Material,
    out: Path,
    *,
    skills: Skills,
    stand_in: bool,
) -> dict[str, Any]:
    from hanhua.eval.measure import measure_models

    names = [model.name for model in models]
    tokenizers = name_tokenizers(models)
    measured = measure_models(config, models, material, out=out)
    judged = _judge(config, material, {name: measured[name].generations for name in names}, skills)
    answers = {
        questionnaire.benchmark.name: {name: measured[name].answers[questionnaire.benchmark.name] for name in names}
        for questionnaire in material.questionnaires
    }
    likelihoods = {name: measured[name].documents for name in names if measured[name].documents}
    for name in names:
        write_samples(
            out / "samples" / name,
            documents=measured[name].documents,
            answers=measured[name].answers,
            judged=judged.get(name, []),
        )
    scores: dict[str, Any] = {"models": names, "stand_in": stand_in, "tokenizers": tokenizers}
    if material.heldout is not None:
        scores["language_modelling"] = {n: score_likelihoods(d, seed=config.seed) for n, d in likelihoods.items()}
        scores["fertility"] = score_fertility(config, models, tokenizers, material.heldout)
    scores["benchmarks"] = {
        task: {name: score_answers(data) for name, data in by_model.items()} for task, by_model in answers.items()
    }
    scores["tasks"] = _tasks(material)
    if judged and config.safety is not None:
        chat = config.safety.chat_template
        in_chat = {model.name: chat and model.has_chat_template for model in models}
        scores["safety"] = score_safety(judged, in_chat)
    scores["comparisons"] = compare_models(
        config, names, tokenizers, documents=likelihoods, answers=answers, judged=judged
    )
    scores["gates"] = check_gates(config.gates, scores, **chinese_and_english(material))
    return scores


def _judge(
    config: EvalConfig, material: Material, generations: Mapping[str, Sequence[str]], skills: Skills
) -> dict[str, list[Judged]]:
    if config.safety is None or skills.harm is None:
        return {}
    return {
        name: judge_generations(material.prompts, texts, harm=skills.harm, masker=skills.masker)
        for name, texts in generations.items()
    }


def _tasks(material: Material) -> dict[str, Any]:
    if not material.questionnaires:
        return {}
    from hanhua.eval.tasks.choice4 import sha256_of_prompt

    return {
        q.benchmark.name: describe_benchmark(q, prompt_sha256=sha256_of_prompt(q.benchmark.prompt))
        for q in material.questionnaires
    }


def _facts(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures a summary shows; everything else is in scores.json."""
    likelihood = scores.get("language_modelling", {})
    return {
        "models": scores["models"],
        "stand_in": scores["stand_in"],
        "bits_per_character": {
            model: {corpus: found["bits_per_character"] for corpus, found in by_corpus.items()}
            for model, by_corpus in likelihood.items()
        },
        "characters_per_token": {
            tokenizer: {corpus: found["characters_per_token"] for corpus, found in by_corpus.items()}
            for tokenizer, by_corpus in scores.get("fertility", {}).items()
        },
        "accuracy": {
            task: {model: found["accuracy"] for model, found in by_model.items()}
            for task, by_model in scores["benchmarks"].items()
        },
        "harmful_rate": {model: found["harmful_rate"] for model, found in scores.get("safety", {}).items()},
        "gates": scores["gates"],
    }
