"""All an evaluation reads beside the models, read and checked before a model is loaded. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from hanhua.documents import Document
from hanhua.errors import InputError, MissingExtra, UsageError
from hanhua.eval.behaviour.safety import Prompt, read_prompts
from hanhua.eval.config import Benchmark, EvalConfig, Gates
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.language.heldout import HeldOut, draw_documents
from hanhua.eval.tasks.questions import Question, Shots, choose_shots, read_questions
from hanhua.progress import say
from hanhua.skills import Skills


@dataclass(frozen=True)
class Questionnaire:
    """A benchmark with its questions and solved examples; `leaked` are examples that are also questions."""

    benchmark: Benchmark
    questions: tuple[Question, ...]
    shots: Shots
    leaked: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """What every model is shown."""

    heldout: HeldOut | None
    questionnaires: tuple[Questionnaire, ...]
    prompts: tuple[Prompt, ...]


def read_material(config: EvalConfig, documents: Iterable[Document], *, skills: Skills) -> Material:
    """Read held-out documents, benchmarks and prompts; raise for anything that would fail later."""
    if find_spec("torch") is None or (config.benchmarks and find_spec("lm_eval") is None):
        raise MissingExtra("evaluation", "eval")
    if config.safety is not None and skills.harm is None:
        raise UsageError(
            "eval.safety needs a harmful-content scorer to judge generations by, and none was given; "
            "run it through `hanhua run` or `hanhua eval`, which pass the filter's, or leave eval.safety out"
        )
    questionnaires = tuple(read_questionnaire(benchmark) for benchmark in config.benchmarks)
    prompts: tuple[Prompt, ...] = ()
    if config.safety is not None:
        prompts = tuple(read_prompts(config.safety.prompts, max_prompts=config.safety.max_prompts))
    heldout = None
    if config.language_modelling is not None:
        limits = (config.language_modelling.max_documents, config.language_modelling.max_fertility_documents)
        widest = None if None in limits else max(limit for limit in limits if limit is not None)
        heldout = draw_documents(documents, max_documents=widest, seed=config.seed)
        _require_languages(config.gates, heldout)
        counts = ", ".join(f"{name} {len(docs):,}" for name, docs in heldout.documents.items())
        say(f"eval: held-out documents by corpus: {counts}")
    return Material(heldout, questionnaires, prompts)


def read_questionnaire(benchmark: Benchmark) -> Questionnaire:
    """Read one benchmark's questions and decide on its solved examples.

    Raises InputError when every solved example is itself among the questions (one file given as both);
    a few are in public benchmarks too (one of MMLU's), and are said and recorded.
    """
    questions = read_questions(benchmark.path)
    solved: list[Question] = []
    if benchmark.shots and benchmark.fewshot_path is not None:
        solved = read_questions(benchmark.fewshot_path)
    shots = choose_shots(questions, solved, shots=benchmark.shots, path=str(benchmark.fewshot_path))
    asked = {(q.question, q.options) for q in questions}
    examples = {q for own in shots.by_subject.values() for q in own}
    leaked = sorted(q.id for q in examples if (q.question, q.options) in asked)
    if leaked and len(leaked) == len(examples):
        raise InputError(
            f"{benchmark.fewshot_path}: every solved example is also a question of {benchmark.path}; "
            "answers must not stand in the prompt"
        )
    if leaked:
        say(f"eval: {benchmark.name}: {len(leaked)} solved examples are also questions ({', '.join(leaked[:3])} …)")
    return Questionnaire(benchmark, tuple(questions), shots, tuple(leaked))


def require_models(config: EvalConfig, models: Sequence[ModelFolder]) -> None:
    """Raise when there is no model, two share a name, or a gate has nothing to compare with."""
    if not models:
        raise UsageError("no model to evaluate")
    names = [model.name for model in models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two models share the name {', '.join(twice)}")
    gates = config.gates
    if len(models) < 2:
        relative = ("min_gain", "max_english_loss", "min_accuracy_gain", "max_harmful_increase")
        unmeasurable = [name for name in relative if getattr(gates, name) is not None]
        if unmeasurable:
            raise UsageError(f"gates {', '.join(unmeasurable)} compare two models, and only {names[0]!r} is given")


def _require_languages(gates: Gates, heldout: HeldOut) -> None:
    needs = {"min_gain": ("zh", "Chinese"), "max_english_loss": ("en", "English")}
    for gate, (language, name) in needs.items():
        if getattr(gates, gate) is not None and not heldout.corpora(language):
            found = ", ".join(heldout.documents)
            raise InputError(f"gates.{gate} is set, but no corpus has held-out {name} documents (corpora: {found})")
