"""`hanhua filter cluster`: the same rules run by datatrove's executors, on one machine or many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.filter_options import (
    Benchmarks,
    Conversion,
    Corpora,
    Languages,
    License,
    Pii,
    Preset,
    filtering_config,
    named_corpora,
)
from hanhua.cli.options import ConfigFile, TextField

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hanhua.documents.sources import CorpusConfig

SECOND_STEP = "second-step.yaml"


def cluster(
    corpora: Corpora,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output folder on a disk that every machine can access")],
    executor: Annotated[str, typer.Option(metavar="NAME", help="datatrove executor: local, slurm or ray")] = "local",
    tasks: Annotated[int, typer.Option(metavar="N", min=1, help="Number of tasks; each takes every N-th file")] = 1,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Option of datatrove's executor: time, partition, workers, …; repeatable"
        ),
    ] = None,
    preset: Preset = None,
    language: Languages = None,
    license_: License = "",
    text_field: TextField = "text",
    pii: Pii = None,
    benchmark: Benchmarks = None,
    convert: Conversion = None,
    config: ConfigFile = None,
) -> None:
    """Judge corpora in datatrove's executors; the command it prints then removes duplicates and makes the split.

    Run the same command again to resume unfinished tasks. Slurm jobs are submitted with sbatch.
    """
    from hanhua.errors import UsageError
    from hanhua.filtering.engine.datatrove_run import KINDS, build_executor, run_folder, second_step

    if executor not in KINDS:
        raise UsageError(f"--executor {executor}: expected one of {', '.join(KINDS)}")
    named = named_corpora(corpora, language or (), license_=license_, text_field=text_field)
    given = {
        "preset": preset,
        "pii.mode": pii,
        "decontamination.benchmarks": benchmark or None,
        "text.convert": convert,
    }
    settings = filtering_config(config, given)
    folder = Path(run_folder(settings, named, str(out), tasks=tasks))
    _write_settings(folder / SECOND_STEP, second_step(settings))
    runner = build_executor(settings, named, str(out), kind=executor, tasks=tasks, options=_options(option or ()))
    runner.run()
    print(f"\n{'submitted' if executor == 'slurm' else 'done'}: {folder}\nthen: {_then(folder, named)}")


def _write_settings(path: Path, fields: dict[str, Any]) -> None:
    import yaml

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")


def _options(values: Sequence[str]) -> dict[str, Any]:
    """Return `KEY=VALUE`s, as numbers where the value is all digits; times such as 20:00:00 stay text."""
    from hanhua.errors import UsageError

    found: dict[str, Any] = {}
    for value in values:
        key, equals, rest = value.partition("=")
        if not (key and equals):
            raise UsageError(f"--set {value}: expected KEY=VALUE, such as time=20:00:00")
        found[key] = int(rest) if rest.isdigit() else rest
    return found


def _then(folder: Path, corpora: Mapping[str, CorpusConfig]) -> str:
    """Return the command of the second step."""
    import shlex

    named = [f"{name}={folder / 'kept' / name}" for name in corpora]
    languages = [f"--language={name}={corpus.language}" for name, corpus in corpora.items() if corpus.language != "zh"]
    return shlex.join(
        ["hanhua", "filter", "run", *named, *languages, "--config", str(folder / SECOND_STEP), "--out", "CORPUS"]
    )
