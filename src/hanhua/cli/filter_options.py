"""Arguments of the filtering commands: corpora by name, and settings from a file and from options."""

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
    typer.Argument(metavar="CORPUS…", help="File, folder, glob or hf://datasets/ID of a corpus; NAME=PATH names it"),
]
Preset = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Preset of rules: balanced (default), fineweb2-zh, or none (split only)"),
]
HeldoutRatio = Annotated[
    float | None,
    typer.Option(metavar="SHARE", help="Share of documents held out (default: 0.02)"),
]
Languages = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]LANG", help="Language of the named corpus, or of all: zh (default), en or other; repeatable"
    ),
]
Pii = Annotated[
    str | None,
    typer.Option(metavar="MODE", help="What to do with personal data: mask (default), drop (the document) or off"),
]
Benchmarks = Annotated[
    list[str] | None,
    typer.Option(
        "--benchmark",
        metavar="FILE",
        help="File or folder of questions; documents that contain them are dropped; repeatable",
    ),
]
Conversion = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="OpenCC conversion of Chinese texts: t2s, tw2s, tw2sp, hk2s, s2t, s2tw, s2twp or s2hk (default: none)",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Number of processes (default: one per core, at most 8)"),
]
License = Annotated[str, typer.Option("--license", metavar="SPDX", help="License of the texts (default: none)")]


def named_corpora(
    values: Sequence[str], languages: Sequence[str], *, license_: str, text_field: str
) -> dict[str, CorpusConfig]:
    """Return the corpora by name; UsageError if a field is wrong."""
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
"""Keys of the section that have their own option."""


def filtering_config(path: Path | None, given: Mapping[str, Any]) -> FilteringConfig:
    """Return the file's settings, overridden by those given on the command line (keys as in `OPTION_OF`)."""
    from hanhua.filtering.config import FilteringConfig
    from hanhua.pipeline.recipe.config_file import read_config, read_section, set_option

    tree = read_section(path, "filtering")
    for key, value in given.items():
        if value is not None:
            set_option(tree, tuple(key.split(".")), value, OPTION_OF[key])
    return read_config(tree, FilteringConfig, section="filtering")
