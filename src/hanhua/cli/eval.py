"""`hanhua eval`: any models side by side on any texts, questions and prompts, without a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from hanhua.cli.benchmarks import read_benchmarks
from hanhua.cli.eval_options import (
    BatchSize,
    BehaviourFlag,
    BenchmarkFiles,
    BesideModels,
    Cache,
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
    Servers,
    Shots,
    Tasks,
    Training,
)
from hanhua.cli.printing import print_json, print_table
from hanhua.cli.settings import read_settings, validated

if TYPE_CHECKING:
    from hanhua.eval.config import EvalConfig
    from hanhua.eval.engine.model_folder import ModelFolder
    from hanhua.skills import Skills

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

EXAMPLE = (
    "Example: hanhua eval --model before=models/base --model after=models/adapted "
    "--corpus zh=texts.jsonl.zst --benchmark questions.jsonl --out scores"
)


@app.command(epilog=EXAMPLE)
def evaluate(
    models: Annotated[list[str], Models],
    out: Annotated[Path, Out],
    corpora: Annotated[Optional[list[str]], Corpora] = None,  # noqa: UP045 - typer reads this at run time on Python 3.10
    benchmarks: Annotated[Optional[list[str]], BenchmarkFiles] = None,  # noqa: UP045
    tasks: Annotated[Optional[list[str]], Tasks] = None,  # noqa: UP045
    data: Annotated[Optional[Path], Data] = None,  # noqa: UP045
    fewshot: Annotated[Optional[Path], Fewshot] = None,  # noqa: UP045
    shots: Annotated[Optional[int], Shots] = None,  # noqa: UP045
    max_questions: Annotated[Optional[int], MaxQuestions] = None,  # noqa: UP045
    prompts: Annotated[Optional[Path], Prompts] = None,  # noqa: UP045
    behaviour: Annotated[bool, BehaviourFlag] = False,
    beside: Annotated[Optional[list[str]], BesideModels] = None,  # noqa: UP045
    training: Annotated[Optional[list[str]], Training] = None,  # noqa: UP045
    config: Annotated[Optional[Path], Config] = None,  # noqa: UP045
    cache: Annotated[Optional[Path], Cache] = None,  # noqa: UP045
    processes: Annotated[Optional[int], Processes] = None,  # noqa: UP045
    batch_size: Annotated[Optional[int], BatchSize] = None,  # noqa: UP045
    servers: Annotated[Optional[list[str]], Servers] = None,  # noqa: UP045
    list_tasks: Annotated[bool, ListTasks] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole scores.json")] = False,
) -> None:
    """Compare models: held-out bits per character, characters per token, benchmarks, behaviour, harmful rate."""
    asked = read_benchmarks(
        benchmarks or [], tasks or [], data=data, fewshot=fewshot, shots=shots, max_questions=max_questions
    )
    added = _added(prompts=prompts, behaviour=behaviour, beside=beside or [])
    added |= {k: v for k, v in (("processes", processes), ("batch_size", batch_size)) if v is not None}
    resolved = _config(config, corpora or [], asked, added)
    served = dict(_name_and_folder(one, "--generate-with") for one in servers or [])
    scores = _run(resolved, [_model(one) for one in models], corpora or [], training or [], out, cache, served)
    if as_json:
        print_json(scores)
    else:
        _print_scores(scores, out)
    unmet = [gate for gate in scores["gates"] if not gate["met"]]
    if unmet:
        from hanhua.errors import GateError

        raise GateError("; ".join(f"gate {g['name']}: {g['value']:.4g}, limit {g['limit']:.4g}" for g in unmet))


def _added(*, prompts: Path | None, behaviour: bool, beside: list[str]) -> dict[str, Any]:
    """Return what single options say, as the configuration has it."""
    added: dict[str, Any] = {}
    if prompts is not None:
        added["safety"] = {"prompts": str(prompts)}
    if behaviour:
        added["behaviour"] = {}
    if beside:
        added["beside"] = [
            dict(zip(("name", "model"), _name_and_folder(one, "--beside"), strict=True)) for one in beside
        ]
    return added


def _config(
    path: Path | None, corpora: list[str], benchmarks: list[dict[str, Any]], added: dict[str, Any]
) -> EvalConfig:
    """Return the config file's settings with what the options name added; its paths start at its folder."""
    from hanhua.errors import UsageError
    from hanhua.eval.config import EvalConfig

    data = _read_settings(path)
    if benchmarks:
        data["benchmarks"] = [*data.get("benchmarks", []), *benchmarks]
    for section in ("safety", "behaviour"):
        if section in added:
            added[section] = {**(data.get(section) or {}), **added[section]}
    data |= added
    if not corpora:
        data["language_modelling"] = None
    if not (corpora or data.get("benchmarks") or data.get("safety") or data.get("behaviour") is not None):
        raise UsageError("nothing to measure: give --corpus, --benchmark, --task, --data, --behaviour or --prompts")
    return validated(EvalConfig, data)


def _read_settings(path: Path | None) -> dict[str, Any]:
    data = read_settings(path, section="eval")
    folder = Path() if path is None else path.parent
    sections = [*data.get("benchmarks", []), *data.get("beside", []), data.get("behaviour"), data.get("safety")]
    for section in [*sections, (data.get("safety") or {}).get("guard")]:
        for key in ("path", "fewshot_path", "data", "model", "prompts", "judge_labels"):
            if isinstance(section, dict) and isinstance(section.get(key), str):
                section[key] = str(folder / section[key])
    return data


def _model(option: str) -> ModelFolder:
    from hanhua.eval.engine.model_folder import open_model_folder

    name, folder = _name_and_folder(option, "--model")
    return open_model_folder(name, Path(folder))


def _name_and_folder(option: str, flag: str) -> tuple[str, str]:
    from hanhua.errors import UsageError

    name, equals, folder = option.partition("=")
    if not (name and equals and folder):
        what = "URL" if flag == "--generate-with" else "DIR"
        raise UsageError(f"{flag} {option}: expected NAME={what}, such as after={option}")
    return name, folder


def _run(
    config: EvalConfig,
    models: list[ModelFolder],
    corpora: list[str],
    training: list[str],
    out: Path,
    cache: Path | None,
    servers: dict[str, str],
) -> dict[str, Any]:
    """Evaluate into `out`, finish it as a Scores artifact, and return the scores."""
    import shutil

    from hanhua.artifacts.files import read_json
    from hanhua.artifacts.manifest import MANIFEST, library_versions, write_manifest
    from hanhua.errors import UsageError
    from hanhua.eval.language.heldout import read_documents
    from hanhua.eval.stage import evaluate_models

    if (out / MANIFEST).is_file():
        raise UsageError(f"{out}: holds a finished evaluation; choose another --out, or remove it")
    out.mkdir(parents=True, exist_ok=True)
    texts = (document.text for document in read_documents(training, split="train")) if training else None
    facts = evaluate_models(
        config,
        models,
        read_documents(corpora),
        out,
        skills=_skills(config, training=bool(training)),
        training=texts,
        cache=cache,
        servers=servers,
    )
    shutil.rmtree(out / "work", ignore_errors=True)
    write_manifest(
        out,
        kind="scores",
        config=config,
        inputs={model.name: model.content_hash for model in models},
        facts=facts,
        versions=library_versions(("torch", "transformers", "tokenizers", "lm_eval")),
    )
    scores: dict[str, Any] = read_json(out / "scores.json")
    return scores


def _skills(config: EvalConfig, *, training: bool) -> Skills:
    from hanhua.recipes import wiring
    from hanhua.skills import Skills

    contamination = wiring.contamination_test() if training else None
    if config.safety is None:
        return Skills(contamination=contamination)
    return Skills(harm=wiring.harm_scorer(), masker=wiring.masker(), contamination=contamination)


def _print_scores(scores: Mapping[str, Any], out: Path) -> None:
    """Print one row per measure and one column per model, then the verdict, then where the details are."""
    from hanhua.artifacts.files import read_json
    from hanhua.eval.table import score_rows

    rows = score_rows(scores)
    decoding = out / "logs" / "decoding.json"
    if decoding.is_file():
        rates = read_json(decoding)
        cells = (f"{rates[m]['characters_per_second']:,.1f}" if m in rates else "–" for m in scores["models"])
        rows.append(("characters written per second, here", *cells))
    print_table(("", *scores["models"]), rows)
    for sentence in scores["verdict"]["text"]:
        print(sentence)
    print(scores["verdict"]["note"])
    print(f"scores: {out / 'scores.json'}")
