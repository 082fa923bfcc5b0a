"""`hanhua filter`: the filtering stage, and its harmful-content filter, without a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from hanhua.cli.filter_harm import score, train_harm

if TYPE_CHECKING:
    from hanhua.documents.sources import CorpusConfig
    from hanhua.filtering.config import FilteringConfig

app = typer.Typer(
    help="Clean text: rules, duplicates, personal data, harmful content; with a reason for all that goes.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command(epilog="Example: hanhua filter score answers.jsonl --text-field answer --json > scores.jsonl")(score)
app.command("train-harm", epilog="Example: hanhua filter train-harm labelled.jsonl --benign news.jsonl --out spam")(
    train_harm
)

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
TextField = Annotated[str, typer.Option(metavar="NAME", help="Field of a record that holds its text")]


@app.command(epilog="Example: hanhua filter run zh=texts/*.jsonl.zst en=books.txt --language en=en --out clean")
def run(
    corpora: Corpora,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the corpus")],
    preset: Preset = None,
    heldout_ratio: HeldoutRatio = None,
    language: Languages = None,
    license_: Annotated[str, typer.Option("--license", metavar="SPDX", help="Licence of the texts")] = "",
    text_field: TextField = "text",
    pii: Pii = None,
    benchmark: Benchmarks = None,
    convert: Conversion = None,
    settings: Settings = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Filter corpora into one folder: documents with their split, and samples of what was rejected."""
    languages = dict(_named(value) for value in language or ())
    named: dict[str, CorpusConfig] = {}
    for value in corpora:
        name, path = _named(value)
        name = _unused(name or _stem(path), named)
        spoken = languages.get(name, languages.get("", "zh"))
        named[name] = _corpus(path, language=spoken, license=license_, text_field=text_field)
    given = {
        "preset": preset,
        "heldout_ratio": heldout_ratio,
        "workers": workers,
        "pii": {"mode": pii},
        "decontamination": {"benchmarks": benchmark or None},
        "text": {"convert": convert},
    }
    config = _config(settings, given)
    facts = _filter_into(out, config, named)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(facts)
    else:
        _print_facts(facts, out)


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


def _config(settings: Path | None, given: dict[str, Any]) -> FilteringConfig:
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


def _filter_into(out: Path, config: FilteringConfig, corpora: dict[str, CorpusConfig]) -> dict[str, Any]:
    """Filter into `DIR.partial` and rename it when done, so that what is at `out` is finished."""
    import shutil

    from hanhua.artifacts.files import sha256_of
    from hanhua.artifacts.manifest import library_versions, write_manifest
    from hanhua.errors import InputError
    from hanhua.filtering.stage import LIBRARIES, filter_corpora
    from hanhua.skills import Skills

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not empty; name a new folder, or remove it first")
    partial = out.with_name(out.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    facts = filter_corpora(config, corpora, partial, skills=Skills())
    shutil.rmtree(partial / "work", ignore_errors=True)
    inputs = {str(path): sha256_of(path) for corpus in corpora.values() for path in corpus.files()}
    write_manifest(
        partial,
        kind="corpus",
        config=config,
        inputs=inputs,
        facts=facts,
        versions=library_versions(LIBRARIES),
    )
    if out.exists():
        out.rmdir()
    partial.rename(out)
    return facts


def _print_facts(facts: dict[str, Any], out: Path) -> None:
    from hanhua.cli.printing import print_table

    heads = ("corpus", "read", "kept", "train", "held out", "characters")
    keys = ("read", "kept", "train", "heldout", "characters_kept")
    print_table(heads, [(name, *(f"{one[key]:,}" for key in keys)) for name, one in facts["corpora"].items()])
    if facts["reasons"]:
        print()
        print_table(("rejected for", "documents"), [(reason, f"{n:,}") for reason, n in facts["reasons"].items()])
    masked = {tag: 0 for one in facts["corpora"].values() for tag in one["masked"]}
    for one in facts["corpora"].values():
        for tag, count in one["masked"].items():
            masked[tag] += count
    if masked:
        print("\nmasked: " + ", ".join(f"{count:,} {tag}" for tag, count in masked.items()))
    print(f"\ncorpus: {out}\nreport: {out / 'report' / 'filtering.html'}")


def main() -> None:
    """Run the program."""
    import sys

    from hanhua.cli.entry import run_command

    sys.exit(run_command(lambda: app(standalone_mode=False)))


if __name__ == "__main__":
    main()
