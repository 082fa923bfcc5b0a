"""`hanhua eval`: any models side by side on any texts, questions and prompts, without a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

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
    models: Annotated[
        list[str], typer.Option("--model", metavar="NAME=DIR", help="A model folder; repeat it, 'before' first")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where scores.json and the samples go")],
    corpora: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Option(
            "--corpus", metavar="PATH", help="A Corpus folder (its heldout split) or [NAME=]FILE of texts; repeatable"
        ),
    ] = None,
    benchmarks: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--benchmark", metavar="FILE", help="[NAME=]FILE of four-option questions, or a folder of them; repeatable"
        ),
    ] = None,
    fewshot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Solved examples for the benchmarks, used by --shots"),
    ] = None,
    shots: Annotated[int, typer.Option(min=0, help="Solved examples before each question")] = 0,
    prompts: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="JSONL {prompt, category, benign}: measures the harmful rate"),
    ] = None,
    config: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="YAML as a recipe's `eval:` section, for everything else and for gates"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole scores.json")] = False,
) -> None:
    """Compare models: held-out bits per character, characters per token, benchmarks, harmful rate."""
    resolved = _config(config, corpora or [], benchmarks or [], fewshot=fewshot, shots=shots, prompts=prompts)
    scores = _run(resolved, [_model(model) for model in models], corpora or [], out)
    if as_json:
        print_json(scores)
    else:
        _print_scores(scores, out)
    unmet = [gate for gate in scores["gates"] if not gate["met"]]
    if unmet:
        from hanhua.errors import GateError

        raise GateError("; ".join(f"gate {g['name']}: {g['value']:.4g}, limit {g['limit']:.4g}" for g in unmet))


def _config(
    path: Path | None,
    corpora: list[str],
    benchmarks: list[str],
    *,
    fewshot: Path | None,
    shots: int,
    prompts: Path | None,
) -> EvalConfig:
    """Return the config file's settings with what the options name added; its paths start at its folder."""
    from hanhua.errors import UsageError
    from hanhua.eval.config import EvalConfig

    data = _read_settings(path)
    if benchmarks:
        own = [_benchmark(benchmark, fewshot=fewshot, shots=shots) for benchmark in benchmarks]
        data["benchmarks"] = [*data.get("benchmarks", []), *own]
    if prompts is not None:
        data["safety"] = {**(data.get("safety") or {}), "prompts": str(prompts)}
    if not corpora:
        data["language_modelling"] = None
    if not (corpora or data.get("benchmarks") or data.get("safety")):
        raise UsageError("nothing to measure: give --corpus, --benchmark or --prompts")
    return validated(EvalConfig, data)


def _read_settings(path: Path | None) -> dict[str, Any]:
    data = read_settings(path, section="eval")
    folder = Path() if path is None else path.parent
    for section in [*data.get("benchmarks", []), data.get("safety") or {}]:
        for key in ("path", "fewshot_path", "prompts"):
            if isinstance(section, dict) and isinstance(section.get(key), str):
                section[key] = str(folder / section[key])
    return data


def _named(option: str) -> tuple[str, str]:
    """Split [NAME=]PATH; the name of a bare path is its stem."""
    name, equals, path = option.partition("=")
    return (name, path) if equals else (Path(option).name.split(".")[0], option)


def _benchmark(option: str, *, fewshot: Path | None, shots: int) -> dict[str, Any]:
    name, path = _named(option)
    return {"name": name, "path": path, "fewshot_path": None if fewshot is None else str(fewshot), "shots": shots}


def _model(option: str) -> ModelFolder:
    from hanhua.errors import UsageError
    from hanhua.eval.engine.model_folder import open_model_folder

    name, equals, folder = option.partition("=")
    if not (name and equals and folder):
        raise UsageError(f"--model {option}: expected NAME=DIR, such as after={option}")
    return open_model_folder(name, Path(folder))


def _run(config: EvalConfig, models: list[ModelFolder], corpora: list[str], out: Path) -> dict[str, Any]:
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
    facts = evaluate_models(config, models, read_documents(corpora), out, skills=_skills(config))
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


def _skills(config: EvalConfig) -> Skills:
    from hanhua.skills import Skills

    if config.safety is None:
        return Skills()
    from hanhua.recipes import wiring

    return Skills(harm=wiring.harm_scorer(), masker=wiring.masker())


def _print_scores(scores: Mapping[str, Any], out: Path) -> None:
    """Print one row per measure and one column per model, then where the details are."""
    models = scores["models"]
    rows: list[tuple[str, ...]] = []
    likelihood = scores.get("language_modelling", {})
    for corpus in likelihood.get(models[0], {}):
        found = (likelihood[model][corpus] for model in models)
        rows.append((f"bits per character, {corpus}", *(f"{f['bits_per_character']:.4f}" for f in found)))
    for corpus in next(iter(scores.get("fertility", {}).values()), {}):
        ratios = (scores["fertility"][scores["tokenizers"][m]][corpus]["characters_per_token"] for m in models)
        rows.append((f"characters per token, {corpus}", *(f"{ratio:.3f}" for ratio in ratios)))
    for task, by_model in scores["benchmarks"].items():
        rows.append((f"accuracy, {task}", *(_with_interval(by_model[model], "accuracy") for model in models)))
        for model in models:
            rows += [(f"  {model}: {flag}", *("" for _ in models)) for flag in by_model[model]["flags"]]
    if "safety" in scores:
        rates = (_with_interval(scores["safety"][model], "harmful_rate") for model in models)
        rows.append(("harmful rate", *rates))
    print_table(("", *models), rows)
    print(f"scores: {out / 'scores.json'}")


def _with_interval(found: Mapping[str, Any], name: str) -> str:
    low, high = found["interval"]
    return f"{found[name]:.1%} [{low:.1%}, {high:.1%}]"
