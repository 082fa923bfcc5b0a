"""All an evaluation reads apart from the models, read and checked before a model is loaded. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from hanhua.documents import Document
from hanhua.errors import HanhuaError, InputError, MissingExtra, UsageError
from hanhua.eval.behavior.behavior import read_behavior_prompts
from hanhua.eval.behavior.characters import choose_words
from hanhua.eval.behavior.judging import read_labels
from hanhua.eval.behavior.prompts import Prompt, read_prompts
from hanhua.eval.config import Benchmark, EvalConfig, Gates, LanguageModeling
from hanhua.eval.engine.model_folder import ModelFolder, open_model_folder
from hanhua.eval.language.heldout import HeldOut, draw_documents
from hanhua.eval.tasks.definition import Task, load_task
from hanhua.eval.tasks.items import Item, Shots, choose_shots, draw_items, read_items
from hanhua.eval.tasks.lm_eval_tasks import Harness, harness_items, harness_name, harness_task, load_harness
from hanhua.model_scope import fetched, fetched_files, is_modelscope
from hanhua.progress import say
from hanhua.services import Services


@dataclass(frozen=True)
class Questionnaire:
    """A benchmark with its questions and solved examples; `leaked` are examples that are also questions.

    harness: where it is one of lm_eval's tasks, whose prompts, examples and metrics are lm_eval's own.
    """

    benchmark: Benchmark
    task: Task
    items: tuple[Item, ...]
    shots: Shots
    leaked: tuple[str, ...]
    harness: Harness | None = None


@dataclass(frozen=True)
class Material:
    """What every model is shown. left_out: why benchmarks that may be left out could not be read, by name."""

    heldout: HeldOut | None
    questionnaires: tuple[Questionnaire, ...]
    prompts: tuple[Prompt, ...] = ()
    behavior_prompts: tuple[Prompt, ...] = ()
    words: tuple[str, ...] = ()
    judge_labels: tuple[tuple[str, bool], ...] = ()
    guard: ModelFolder | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


def read_material(
    config: EvalConfig, documents: Iterable[Document], *, models: Sequence[ModelFolder], services: Services
) -> Material:
    """Read held-out documents, benchmarks and prompts; raise for anything that would fail later."""
    if find_spec("torch") is None or (config.benchmarks and find_spec("lm_eval") is None):
        raise MissingExtra("evaluation", "eval")
    if config.safety is not None and services.harm is None:
        raise UsageError(
            "eval.safety needs a harmful-content scorer to judge generations, and none was given; "
            "run it through `hanhua run` or `hanhua eval`, which pass the filter's, or leave eval.safety out"
        )
    questionnaires, left_out = read_questionnaires(config.benchmarks)
    material = Material(None, questionnaires, left_out=left_out)
    if (safety := config.safety) is not None:
        material = replace(
            material,
            prompts=tuple(read_prompts(safety.prompts, max_prompts=safety.max_prompts)),
            judge_labels=() if safety.judge_labels is None else tuple(read_labels(safety.judge_labels)),
            guard=None if safety.guard is None else open_model_folder("guard", Path(safety.guard.model)),
        )
    if config.behavior is not None:
        material = replace(material, behavior_prompts=tuple(read_behavior_prompts(config.behavior.prompts)))
    if config.language_modeling is not None:
        heldout = _draw(config, config.language_modeling, documents)
        material = replace(material, heldout=heldout, words=_words(config, heldout, models))
    return material


def _draw(config: EvalConfig, settings: LanguageModeling, documents: Iterable[Document]) -> HeldOut:
    limits = (settings.max_documents, settings.max_fertility_documents)
    widest = None if None in limits else max(limit for limit in limits if limit is not None)
    heldout = draw_documents(documents, max_documents=widest, seed=config.seed)
    _require_languages(config.gates, heldout)
    counts = ", ".join(f"{name} {len(docs):,}" for name, docs in heldout.documents.items())
    say(f"eval: held-out documents by corpus: {counts}")
    return heldout


def _words(config: EvalConfig, heldout: HeldOut, models: Sequence[ModelFolder]) -> tuple[str, ...]:
    """Return the words whose characters are asked for, out of the Chinese held-out documents."""
    if config.behavior is None or config.behavior.character_words is None:
        return ()
    documents = [document for corpus in heldout.corpora("zh") for document in heldout.documents[corpus]]
    tokenizers = [model.tokenizer for model in models]
    return tuple(choose_words(documents, tokenizers, max_words=config.behavior.character_words, seed=config.seed))


def read_questionnaires(benchmarks: Sequence[Benchmark]) -> tuple[tuple[Questionnaire, ...], dict[str, str]]:
    """Return the benchmarks that can be read, and of those that cannot and may be left out, why.

    Raises the error of one that must be there, and InputError when none is left.
    """
    found, left_out = [], {}
    for benchmark in benchmarks:
        try:
            found.append(read_questionnaire(benchmark))
        except HanhuaError as error:
            if not benchmark.may_be_left_out:
                raise
            left_out[benchmark.name] = str(error)
            say(f"eval: {benchmark.name} is left out: {error}")
    if left_out and not found:
        raise InputError("no benchmark can be read:\n  " + "\n  ".join(left_out.values()))
    return tuple(found), left_out


def read_questionnaire(benchmark: Benchmark) -> Questionnaire:
    """Read one benchmark's questions and decide on its solved examples.

    Raises InputError when every solved example is itself among the questions (one file given as both);
    a few are in public benchmarks too (one of MMLU's), and are said and recorded.
    """
    harness = harness_name(benchmark.task)
    if harness is not None:
        return _read_harness(benchmark, harness)
    task = load_task(benchmark.task)
    task = task.model_copy(update={"name": benchmark.name})
    benchmark = _with_files_here(benchmark, task)
    folder = None if benchmark.data is None else Path(benchmark.data)
    revisions = benchmark.revisions
    items = read_items(task, task.data, data=folder, path=benchmark.path, revisions=revisions)
    items = draw_items(items, max_questions=benchmark.max_questions)
    own_examples = benchmark.path is None and task.examples is not None
    count = benchmark.shots
    if count is None:
        count = task.shots if own_examples or benchmark.fewshot_path is not None else 0
    solved: list[Item] = []
    if count:
        if task.examples is None and benchmark.fewshot_path is None:
            raise UsageError(f"{benchmark.name}: the task has no solved examples; give fewshot_path, or shots: 0")
        rows, path = task.examples or task.data, benchmark.fewshot_path
        solved = read_items(task, rows, data=folder, path=path, revisions=revisions)
    source = benchmark.fewshot_path or (" or ".join(task.examples.layouts) if task.examples else None)
    shots = choose_shots(items, solved, shots=count, path=str(source))
    asked = {(item.context, item.options) for item in items}
    examples = {item for own in shots.by_subject.values() for item in own}
    leaked = sorted(item.id for item in examples if (item.context, item.options) in asked)
    if leaked and len(leaked) == len(examples):
        raise InputError(
            f"{source}: every solved example is also a question of {benchmark.path or benchmark.name}; "
            "answers must not be in the prompt"
        )
    if leaked:
        say(f"eval: {benchmark.name}: {len(leaked)} solved examples are also questions ({', '.join(leaked[:3])} …)")
    return Questionnaire(benchmark, task, tuple(items), shots, tuple(leaked))


def _with_files_here(benchmark: Benchmark, task: Task) -> Benchmark:
    """Return a benchmark whose files on ModelScope were fetched, and are named by where they lie."""
    here: dict[str, str] = {}
    if benchmark.data is not None and is_modelscope(benchmark.data):
        files = [pattern for rows in (task.data, task.examples) if rows is not None for pattern in rows.layouts]
        here["data"] = str(fetched(benchmark.data, "dataset", patterns=files))
    for key in ("path", "fewshot_path"):
        named = getattr(benchmark, key)
        if named is not None and is_modelscope(named):
            here[key] = fetched_files(named)
    return benchmark.model_copy(update=here)


def _read_harness(benchmark: Benchmark, name: str) -> Questionnaire:
    if benchmark.path is not None or benchmark.fewshot_path is not None:
        raise UsageError(f"{benchmark.task}: lm_eval's tasks bring their own questions and examples; leave out path")
    folder = None if benchmark.data is None else Path(benchmark.data)
    harness = load_harness(name, data=folder, shots=benchmark.shots, max_questions=benchmark.max_questions)
    items = tuple(harness_items(harness))
    shots = Shots("lm_eval", dict.fromkeys(harness.tasks, ()))
    return Questionnaire(benchmark, harness_task(harness, name=benchmark.name), items, shots, (), harness)


def require_models(config: EvalConfig, models: Sequence[ModelFolder], *, beside: Sequence[ModelFolder] = ()) -> None:
    """Raise when there is no model, two share a name, or a gate has nothing to compare with."""
    if not models:
        raise UsageError("no model to evaluate")
    names = [model.name for model in (*models, *beside)]
    without = [m.name for m in beside if config.asked_in_chat(m.name) and not m.has_chat_template]
    if without:
        raise UsageError(f"{without[0]} has no chat template, but chat_template is true for it")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two models share the name {', '.join(twice)}")
    gates = config.gates
    if len(models) < 2:
        relative = ("min_gain", "max_english_loss", "min_accuracy_gain", "max_harmful_increase")
        unmeasurable = [name for name in relative if getattr(gates, name) is not None]
        if unmeasurable:
            raise UsageError(f"gates {', '.join(unmeasurable)} compare two models, but only {names[0]!r} is given")


def require_one_engine(models: Sequence[str], servers: Mapping[str, str]) -> None:
    """Raise when some models' replies are a server's and some are not: engines differ by a point or two."""
    if unknown := sorted(set(servers) - set(models)):
        raise UsageError(f"a server is given for {unknown[0]!r}, which is not one of the models ({', '.join(models)})")
    if servers and (missing := [model for model in models if model not in servers]):
        raise UsageError(
            f"no server is given for {missing[0]!r}; replies of two engines cannot be compared: give one for each model"
        )


def _require_languages(gates: Gates, heldout: HeldOut) -> None:
    needs = {"min_gain": ("zh", "Chinese"), "max_english_loss": ("en", "English")}
    for gate, (language, name) in needs.items():
        if getattr(gates, gate) is not None and not heldout.corpora(language):
            found = ", ".join(heldout.documents)
            raise InputError(f"gates.{gate} is set, but no corpus has held-out {name} documents (corpora: {found})")
