"""`hanhua eval`: any models side by side on any texts, questions and prompts, without a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.benchmarks import read_benchmarks
from hanhua.cli.eval_options import (
    BatchSize,
    BehaviorFlag,
    BenchmarkFiles,
    BothWays,
    Cache,
    Chat,
    Config,
    Corpora,
    Data,
    Fewshot,
    ListTasks,
    MaxQuestions,
    Models,
    Out,
    Processes,
    Prompts,
    ReferenceModels,
    ScoreWithServer,
    Servers,
    Shots,
    System,
    Tasks,
    Training,
)
from hanhua.cli.output import finish, require_unfinished
from hanhua.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from hanhua.eval.config import EvalConfig
    from hanhua.eval.engine.model_folder import ModelFolder
    from hanhua.services import Services

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

EXAMPLE = (
    "Example: hanhua eval --model before=models/base --model after=models/adapted "
    "--corpus zh=texts.jsonl.zst --benchmark questions.jsonl --out scores"
)


@app.command(epilog=EXAMPLE)
def evaluate(
    models: Annotated[list[str], Models],
    out: Annotated[Path, Out],
    corpora: Annotated[list[str] | None, Corpora] = None,
    benchmarks: Annotated[list[str] | None, BenchmarkFiles] = None,
    tasks: Annotated[list[str] | None, Tasks] = None,
    data: Annotated[Path | None, Data] = None,
    fewshot: Annotated[Path | None, Fewshot] = None,
    shots: Annotated[int | None, Shots] = None,
    max_questions: Annotated[int | None, MaxQuestions] = None,
    chat: Annotated[bool, Chat] = False,
    both_ways: Annotated[bool, BothWays] = False,
    system: Annotated[str | None, System] = None,
    prompts: Annotated[Path | None, Prompts] = None,
    behavior: Annotated[bool, BehaviorFlag] = False,
    references: Annotated[list[str] | None, ReferenceModels] = None,
    training: Annotated[list[str] | None, Training] = None,
    config: Annotated[Path | None, Config] = None,
    cache: Annotated[Path | None, Cache] = None,
    processes: Annotated[int | None, Processes] = None,
    batch_size: Annotated[int | None, BatchSize] = None,
    servers: Annotated[list[str] | None, Servers] = None,
    score_with_server: Annotated[bool, ScoreWithServer] = False,
    list_tasks: Annotated[bool, ListTasks] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole scores.json")] = False,
) -> None:
    """Compare models: held-out bits per character, characters per token, benchmarks, behavior, harmful rate."""
    asked = read_benchmarks(
        benchmarks or [], tasks or [], data=data, fewshot=fewshot, shots=shots, max_questions=max_questions,
        chat=chat, both_ways=both_ways, system=system,
    )  # fmt: skip
    given: dict[str, tuple[str, Any]] = {
        "safety.prompts": ("--prompts", None if prompts is None else str(prompts)),
        "behavior": ("--behavior", {} if behavior else None),
        "processes": ("--processes", processes),
        "batch_size": ("--batch-size", batch_size),
    }
    resolved = _config(config, corpora or [], benchmarks=asked, references=references or [], given=given)
    names = [option.partition("=")[0] for option in models] + [one.name for one in resolved.reference_models]
    scores = evaluate_into(
        resolved, [_model(one) for one in models], corpora or [], training or [], out, cache,
        _served(servers or [], names, scoring=score_with_server), score_with_server=score_with_server,
    )  # fmt: skip
    if as_json:
        print_json(scores)
    else:
        _print_scores(scores, out)
    _end_with_what_is_wrong(scores)


def _end_with_what_is_wrong(scores: Mapping[str, Any]) -> None:
    """Raise for unmet gates, and for benchmarks that could not be read: the exit code says that not all is there."""
    from hanhua.errors import GateError, HanhuaError

    left_out = scores.get("left_out") or {}
    missing = "; ".join(f"{name} was left out: {reason}" for name, reason in left_out.items())
    unmet = "; ".join(
        f"gate {g['name']}: {g['value']:.4g}, limit {g['limit']:.4g}" for g in scores["gates"] if not g["met"]
    )
    if unmet:
        raise GateError("; ".join(filter(None, (unmet, missing))))
    if missing:
        raise HanhuaError(f"the other benchmarks were measured; {missing}")


def _config(
    path: Path | None,
    corpora: list[str],
    *,
    benchmarks: list[dict[str, Any]],
    references: list[str],
    given: Mapping[str, tuple[str, Any]],
) -> EvalConfig:
    """Return the config file's settings with the options applied. given: key → (option, value); None: not given."""
    from hanhua.errors import UsageError
    from hanhua.eval.config import EvalConfig
    from hanhua.pipeline.recipe.config_file import read_config, read_section, set_option

    tree = read_section(path, "eval")
    for option, key, more in (
        ("--benchmark", "benchmarks", benchmarks),
        ("--reference", "reference_models", [_reference(one) for one in references]),
    ):
        there = len(tree.data.setdefault(key, [])) if more else 0
        for number, one in enumerate(more, there):
            tree.data[key].append(None)
            set_option(tree, (key, str(number)), one, option)
    for key, (option, value) in given.items():
        if value is not None:
            set_option(tree, tuple(key.split(".")), value, option)
    if not corpora:
        tree.data["language_modeling"] = None
    config = read_config(tree, EvalConfig, section="eval")
    if nothing_to_measure(config):
        raise UsageError("nothing to measure: give --corpus, --benchmark, --task, --data, --behavior or --prompts")
    return config


def nothing_to_measure(config: EvalConfig) -> bool:
    """Return whether the settings ask for no measure: no text, benchmark, reply or prompt."""
    asked = (config.language_modeling, config.benchmarks, config.safety, config.behavior, config.continuations)
    return not any(asked)


def _reference(option: str) -> dict[str, str]:
    return dict(zip(("name", "model"), _name_and_folder(option, "--reference"), strict=True))


def _model(option: str) -> ModelFolder:
    from hanhua.eval.engine.model_folder import open_model_folder
    from hanhua.gguf_location import is_gguf_name

    name, folder = _name_and_folder(option, "--model")
    if not Path(folder).is_dir() and is_gguf_name(folder):
        from hanhua.base.model_source import model_source

        return open_model_folder(name, model_source(folder))
    return open_model_folder(name, Path(folder))


def _served(options: list[str], names: list[str], *, scoring: bool) -> dict[str, str]:
    """Return the server of each model: its own, or the one that is given without a name."""
    from hanhua.errors import UsageError

    if scoring and not options:
        raise UsageError("--score-with-server needs --generate-with, which names the server")
    served: dict[str, str] = {}
    for option in options:
        if option.startswith(("http://", "https://")):
            served |= dict.fromkeys(names, option)
        else:
            served |= [_name_and_folder(option, "--generate-with")]
    return served


def _name_and_folder(option: str, flag: str) -> tuple[str, str]:
    from hanhua.errors import UsageError

    name, equals, folder = option.partition("=")
    if not (name and equals and folder):
        what = "URL" if flag == "--generate-with" else "DIR"
        raise UsageError(f"{flag} {option}: expected NAME={what}, such as after={option}")
    return name, folder


def evaluate_into(
    config: EvalConfig,
    models: list[ModelFolder],
    corpora: list[str],
    training: list[str],
    out: Path,
    cache: Path | None,
    servers: dict[str, str],
    *,
    score_with_server: bool = False,
) -> dict[str, Any]:
    """Evaluate into `out`, finish it as a Scores artifact, and return the scores."""
    from hanhua.artifacts.files import read_json
    from hanhua.eval.language.heldout import read_documents
    from hanhua.eval.stage import evaluate_models

    require_unfinished(out, what="evaluation")
    texts = (document.text for document in read_documents(training, split="train")) if training else None
    facts = evaluate_models(
        config,
        models,
        read_documents(corpora),
        out,
        services=_services(config, training=bool(training)),
        training=texts,
        cache=cache,
        servers=servers,
        score_with_server=score_with_server,
    )
    finish("eval", out, config=config, inputs={model.name: model.content_hash for model in models}, facts=facts)
    scores: dict[str, Any] = read_json(out / "scores.json")
    return scores


def _services(config: EvalConfig, *, training: bool) -> Services:
    from hanhua.pipeline.service_builders import services_named

    judging = () if config.safety is None else ("harm", "masker")
    return services_named((*judging, *(("contamination",) if training else ())))


def _print_scores(scores: Mapping[str, Any], out: Path) -> None:
    """Print one row per measure and one column per model, then the verdict, then where the details are."""
    from hanhua.artifacts.files import read_json
    from hanhua.figures.score_table import score_rows

    rows = score_rows(scores)
    decoding = out / "logs" / "decoding.json"
    if decoding.is_file():
        rates = read_json(decoding)
        cells = (f"{rates[m]['characters_per_second']:,.1f}" if m in rates else "–" for m in scores["models"])
        rows.append(("characters generated per second, here", *cells))
    print_table(("", *scores["models"]), rows)
    for sentence in scores["verdict"]["text"]:
        print(sentence)
    print(scores["verdict"]["note"])
    print(f"scores: {out / 'scores.json'}")
