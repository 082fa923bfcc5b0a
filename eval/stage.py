"""The evaluation stage: base, resized and adapted model side by side, on text none of them learned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hanhua.artifacts.files import write_json
from hanhua.artifacts.manifest import Artifact
from hanhua.documents import Document, read_corpus
from hanhua.eval.behavior.behavior import Observed, observe, summarise_observed
from hanhua.eval.behavior.characters import summarise_characters
from hanhua.eval.behavior.judging import describe_judge, measure_judge
from hanhua.eval.behavior.safety import Judged, is_harmful, judge_generations
from hanhua.eval.benchmark_scores import describe_benchmark, score_answers
from hanhua.eval.comparison.gates import check_gates
from hanhua.eval.comparison.pairs import Outcomes, compare_models
from hanhua.eval.comparison.verdict import give_verdict
from hanhua.eval.config import EvalConfig
from hanhua.eval.contamination import find_contamination, score_contamination
from hanhua.eval.engine.model_folder import ModelFolder, open_model_folder
from hanhua.eval.language.heldout import HeldOut
from hanhua.eval.material import Material, read_material, require_models, require_one_engine
from hanhua.eval.scores import (
    chinese_and_english,
    name_tokenizers,
    score_fertility,
    score_likelihoods,
    score_safety,
    score_tokens,
    write_samples,
)
from hanhua.figures.run_models import NAMES
from hanhua.services import Services

if TYPE_CHECKING:
    from hanhua.eval.measure import Measuring
    from hanhua.eval.plan import Measured


def evaluate(config: EvalConfig, inputs: Mapping[str, Artifact], out: Path, *, services: Services) -> dict[str, Any]:
    """Evaluate the models of a run: inputs corpus, base, resized, adapted, restored; models at `.path/model`.

    Writes `scores.json` and `samples/MODEL/*.jsonl.zst` into `out` and returns the facts. Called again
    after a kill, with the same `out`, it resumes after the last finished batch.
    """
    models = []
    for name in NAMES:
        if name in inputs:
            part = inputs[name].part("model")
            models.append(open_model_folder(name, part.path, hash_of_content=part.content_hash))
    corpus = inputs["corpus"].path
    documents = read_corpus(corpus, split="heldout")
    training = (document.text for document in read_corpus(corpus, split="train"))
    toy = bool(inputs["base"].facts.get("toy", False))
    return evaluate_models(config, models, documents, out, services=services, training=training, toy=toy)


def evaluate_models(
    config: EvalConfig,
    models: Sequence[ModelFolder],
    documents: Iterable[Document],
    out: Path,
    *,
    services: Services,
    training: Iterable[str] | None = None,
    toy: bool = False,
    cache: Path | None = None,
    servers: Mapping[str, str] | None = None,
    score_with_server: bool = False,
) -> dict[str, Any]:
    """Evaluate any models on any held-out documents, in the order given: the first is "before".

    Everything that can be wrong with models, questions, prompts or text is said before a model is loaded.
    training: what the last model learned from, to look for the benchmarks' questions in.
    cache: a folder that keeps answers for later evaluations; else they are kept in `out` until it is finished.
    servers: by model, the address of an OpenAI-compatible server that has it and writes its replies; with
    score_with_server it computes the likelihoods too.
    """
    beside = [open_model_folder(one.name, Path(one.model)) for one in config.reference_models]
    everyone = [*models, *beside]
    require_models(config, models, beside=beside)
    require_one_engine([model.name for model in everyone], servers or {})
    material = read_material(config, documents, models=everyone, services=services)
    scores: dict[str, Any] = {
        "models": [model.name for model in everyone],
        "line": [model.name for model in models],
        "toy": toy,
    }
    held: dict[str, set[str]] = {}
    if training is not None and services.contamination is not None and material.questionnaires:
        held = find_contamination(material.questionnaires, training, test=services.contamination)
    if servers:
        scores["replies_by"] = "server"
        scores |= {"likelihoods_by": "server"} if score_with_server else {}
    if material.left_out:
        scores["left_out"] = dict(material.left_out)
    from hanhua.eval.measure import Measuring

    measuring = Measuring(config, out, cache=cache, servers=servers, score_with_server=score_with_server)
    scores |= _score(config, everyone, material, out, measuring, services=services, held=held)
    languages = chinese_and_english(material)
    scores["gates"] = check_gates(config.gates, scores, **languages)
    scores["verdict"] = give_verdict(scores, judged=scores["line"][-1], **languages)
    write_json(out / "scores.json", scores)
    return _facts(scores)


def _score(
    config: EvalConfig,
    models: Sequence[ModelFolder],
    material: Material,
    out: Path,
    measuring: Measuring,
    *,
    services: Services,
    held: Mapping[str, set[str]],
) -> dict[str, Any]:
    tokenizers = name_tokenizers(models)
    measured = measuring.measure_models(models, material)
    judged = _judge(config, material, measured, measuring, services)
    observed = _observe(material, measured)
    for name, one in measured.items():
        write_samples(out / "samples" / name, one, observed=observed.get(name, []), judged=judged.get(name, []))
    scores: dict[str, Any] = {"tokenizers": tokenizers}
    if material.heldout is not None:
        scores |= _score_language(config, models, tokenizers, measured, material.heldout)
    scores["benchmarks"] = {
        q.task.name: {name: score_answers(one.answers[q.task.name], task=q.task) for name, one in measured.items()}
        for q in material.questionnaires
    }
    scores["tasks"] = {q.task.name: describe_benchmark(q) for q in material.questionnaires}
    if held:
        scores["contamination"] = score_contamination(held, measured)
    if material.words:
        scores["characters"] = {name: summarise_characters(one.characters) for name, one in measured.items()}
    if observed:
        scores["behavior"] = {name: summarise_observed(ones) for name, ones in observed.items()}
    if config.continuations is not None:
        scores["continuations"] = _continuations(config.continuations.prompts, measured)
    if judged:
        scores |= _score_safety(config, models, material, judged, services)
    _note_cut_prompts(scores, measured)
    outcomes = Outcomes(
        documents={name: one.documents for name, one in measured.items()},
        at_characters={name: one.documents_at_characters for name, one in measured.items()},
        rows={n: {task: data["rows"] for task, data in one.answers.items()} for n, one in measured.items()},
        characters={name: one.characters for name, one in measured.items()},
        observed=observed,
        judged=judged,
    )
    scores["comparisons"] = compare_models(list(measured), tokenizers, outcomes, seed=config.seed)
    return scores


def _note_cut_prompts(scores: dict[str, Any], measured: Mapping[str, Measured]) -> None:
    """Note beside each model's rates how many of the prompts were cut to its context."""
    for measure in ("behavior", "safety"):
        for name, found in scores.get(measure, {}).items():
            found["truncated"] = measured[name].truncated.get(measure, 0)


def _score_language(
    config: EvalConfig,
    models: Sequence[ModelFolder],
    tokenizers: Mapping[str, str],
    measured: Mapping[str, Measured],
    heldout: HeldOut,
) -> dict[str, Any]:
    assert config.language_modeling is not None
    characters = config.language_modeling.context_characters
    likelihoods = {
        name: score_likelihoods(
            one.documents, one.documents_at_characters, context_characters=characters, seed=config.seed
        )
        for name, one in measured.items()
    }
    fertility = score_fertility(config, models, tokenizers, heldout)
    cuts = {name: one.cuts for name, one in measured.items()}
    tokens = score_tokens(config, models, fertility, tokenizers, heldout, cuts)
    return {"language_modeling": likelihoods, "fertility": fertility, "tokens": tokens}


def _continuations(prompts: Sequence[str], measured: Mapping[str, Measured]) -> list[dict[str, Any]]:
    return [
        {"prompt": prompt, "models": {name: one.continuations[at] for name, one in measured.items()}}
        for at, prompt in enumerate(prompts)
    ]


def _observe(material: Material, measured: Mapping[str, Measured]) -> dict[str, list[Observed]]:
    prompts = material.behavior_prompts
    return {
        name: observe(prompts, [reply.text for reply in one.replies], [reply.finished for reply in one.replies])
        for name, one in measured.items()
        if prompts
    }


def _judge(
    config: EvalConfig, material: Material, measured: Mapping[str, Measured], measuring: Measuring, services: Services
) -> dict[str, list[Judged]]:
    if config.safety is None or services.harm is None:
        return {}
    verdicts: dict[str, list[bool]] = {}
    if material.guard is not None and config.safety.guard is not None:
        texts = {name: one.generations for name, one in measured.items()}
        prompts = [prompt.text for prompt in material.prompts]
        verdicts = measuring.judge_by_guard(material.guard, config.safety.guard.unsafe, prompts, texts)
    return {
        name: judge_generations(
            material.prompts, one.generations, harm=services.harm, masker=services.masker, unsafe=verdicts.get(name)
        )
        for name, one in measured.items()
    }


def _score_safety(
    config: EvalConfig,
    models: Sequence[ModelFolder],
    material: Material,
    judged: Mapping[str, Sequence[Judged]],
    services: Services,
) -> dict[str, Any]:
    assert config.safety is not None and services.harm is not None
    judge, found = None, {}
    if material.judge_labels:
        harm = services.harm
        verdicts = [is_harmful(harm.score(text)) for text, _ in material.judge_labels]
        judge = measure_judge(verdicts, [harmful for _, harmful in material.judge_labels])
        found["safety_judge"] = describe_judge(judge)
    chat = config.safety.chat_template
    in_chat = {
        model.name: (chat or config.asked_in_chat(model.name) is not None) and model.has_chat_template
        for model in models
    }
    return {"safety": score_safety(judged, in_chat, judge=judge), **found}


def _facts(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures a summary shows; everything else is in scores.json."""
    likelihood = scores.get("language_modeling", {})
    return {
        "models": scores["models"],
        "toy": scores["toy"],
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
        "continuations": scores.get("continuations", []),
        "gates": scores["gates"],
        "verdict": scores["verdict"]["text"],
    }
