"""What the commands that filter are given: corpora by name, and settings from a file and from options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hanhua.documents.sources import CorpusConfig
    from hanhua.filtering.config import FilteringConfig

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script")]
# `Optional`, not `|`: typer reads these at run time on Python 3.10.
Corpora = Annotated[
    list[str],
    typer.Argument(metavar="CORPUS…", help="File, folder, glob or hf://datasets/ID; NAME=PATH names the corpus"),
]
Preset = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="NAME", help="balanced (default), fineweb2-zh, or none: split only"),
]
HeldoutRatio = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(metavar="SHARE", help="Share of documents held out; 0.02 by default"),
]
Languages = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(metavar="[NAME=]LANG", help="zh (default), en or other, for all corpora or the named one"),
]
Pii = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="MODE", help="Personal data: mask (default), drop or off"),
]
Benchmarks = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--benchmark", metavar="FILE", help="Drop documents that hold its questions; a folder too; may be given again"
    ),
]
Conversion = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="NAME", help="OpenCC conversion: t2s, s2t, s2tw, s2twp or s2hk"),
]
Settings = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(metavar="YAML", help="All other keys, as in a recipe's `filtering:` section"),
]
Workers = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(metavar="N", min=1, help="Processes; one a core by default"),
]
License = Annotated[str, typer.Option("--license", metavar="SPDX", help="Licence of the texts")]
TextField = Annotated[str, typer.Option(metavar="NAME", help="Field of a record that holds its text")]


def named_corpora(
    values: Sequence[str], languages: Sequence[str], *, license_: str, text_field: str
) -> dict[str, CorpusConfig]:
    """Return the corpora that were named; UsageError for a field that is wrong."""
    spoken = dict(_named(value) for value in languages)
    found: dict[str, CorpusConfig] = {}
    for value in values:
        name, path = _named(value)
        name = _unused(name or _stem(path), found)
        language = spoken.get(name, spoken.get("", "zh"))
        found[name] = _corpus(path, language=language, license=license_, text_field=text_field)
    return found


def _named(value: str) -> tuple[str, str]:
    """Return (`name`, rest) of `name=rest`; no name when there is none, or what precedes `=` is a path."""
    name, equals, rest = value.partition("=")
    return (name, rest) if equals and name.replace("_", "").replace("-", "").isalnum() else ("", value)


def _stem(path: str) -> str:
    stem = Path(path).name.split(".")[0].strip("*?[]")
    return stem or Path(path).parent.name or "corpus"


def _unused(name: str, taken: dict[str, Any]) -> str:
    return next(n for n in (name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def _corpus(path: str, **fields: Any) -> CorpusConfig:
    from pydantic import ValidationError

    from hanhua.documents.sources import CorpusConfig
    from hanhua.errors import UsageError

    try:
        return CorpusConfig(path=path, **fields)
    except ValidationError as error:
        raise UsageError(f"{path}: {error.errors()[0]['loc'][-1]}: {error.errors()[0]['msg']}") from None


def filtering_config(settings: Path | None, given: dict[str, Any]) -> FilteringConfig:
    """Return the settings of the file, those given on the command line over them."""
    from pydantic import ValidationError

    from hanhua.cli.settings import read_settings
    from hanhua.errors import UsageError
    from hanhua.filtering.config import FilteringConfig

    fields = read_settings(settings, section="filtering")
    for name, value in given.items():
        if isinstance(value, dict):
            inner = {key: item for key, item in value.items() if item is not None}
            if inner:
                fields[name] = {**(fields.get(name) or {}), **inner}
        elif value is not None:
            fields[name] = value
    try:
        return FilteringConfig.model_validate(fields)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UsageError(f"--{str(wrong['loc'][0]).replace('_', '-')}: {wrong['msg']}") from None
