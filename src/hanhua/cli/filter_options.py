"""What the commands that filter are given: corpora by name, and settings from a file and from options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hanhua.documents.sources import CorpusConfig
    from hanhua.filtering.config import FilteringConfig

Corpora = Annotated[
    list[str],
    typer.Argument(metavar="CORPUS…", help="File, folder, glob or hf://datasets/ID; NAME=PATH names the corpus"),
]
Preset = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="balanced (default), fineweb2-zh, or none: split only"),
]
HeldoutRatio = Annotated[
    float | None,
    typer.Option(metavar="SHARE", help="Share of documents held out; 0.02 by default"),
]
Languages = Annotated[
    list[str] | None,
    typer.Option(metavar="[NAME=]LANG", help="zh (default), en or other, for all corpora or the named one"),
]
Pii = Annotated[
    str | None,
    typer.Option(metavar="MODE", help="Personal data: mask (default), drop or off"),
]
Benchmarks = Annotated[
    list[str] | None,
    typer.Option(
        "--benchmark", metavar="FILE", help="Drop documents that hold its questions; a folder too; may be given again"
    ),
]
Conversion = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="OpenCC conversion: t2s, s2t, s2tw, s2twp or s2hk"),
]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Processes; one a core by default"),
]
License = Annotated[str, typer.Option("--license", metavar="SPDX", help="License of the texts")]


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
        found[name] = corpus_config(path, language=language, license=license_, text_field=text_field)
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


def corpus_config(path: str, **fields: Any) -> CorpusConfig:
    """Return a corpus of these fields; UsageError for one that is wrong."""
    from pydantic import ValidationError

    from hanhua.documents.sources import CorpusConfig
    from hanhua.errors import UsageError
    from hanhua.mistakes import mistakes_of

    data = {"path": path, **fields}
    try:
        return CorpusConfig.model_validate(data)
    except ValidationError as error:
        found = mistakes_of(error, CorpusConfig, data)
        raise UsageError("\n".join(f"{path}: {mistake}" for mistake in found)) from None


OPTION_OF = {
    "preset": "--preset",
    "heldout_ratio": "--heldout-ratio",
    "workers": "--workers",
    "pii.mode": "--pii",
    "decontamination.benchmarks": "--benchmark",
    "text.convert": "--convert",
}
"""Keys of the section that have an option of their own."""


def filtering_config(path: Path | None, given: Mapping[str, Any]) -> FilteringConfig:
    """Return the settings of the file, those given on the command line over them, by the keys of `OPTION_OF`."""
    from hanhua.filtering.config import FilteringConfig
    from hanhua.pipeline.recipe.config_file import read_config, read_section, set_option

    tree = read_section(path, "filtering")
    for key, value in given.items():
        if value is not None:
            set_option(tree, tuple(key.split(".")), value, OPTION_OF[key])
    return read_config(tree, FilteringConfig, section="filtering")
