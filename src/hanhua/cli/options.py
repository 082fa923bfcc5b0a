"""Options that several commands share, each declared once: the same name means the same thing everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FORMATS = ".jsonl, .json, .txt, .csv, .parquet, also .gz, .zst, .xz, .bz2; .zip, a folder, a glob, hf://datasets/ID"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts")]
RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="Recipe file, or the name of a shipped recipe")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/quickstart")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Override one value, such as -s continued_pretrain.max_tokens=200000; repeatable",
    ),
]
Runs = Annotated[Path, typer.Option(metavar="DIR", help="Folder that holds the runs; shared by all machines of a run")]
Until = Annotated[str | None, typer.Option(metavar="STAGE", help="Stop after this stage")]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Redo stages that ran with different code or libraries, instead of reusing them"),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        metavar="YAML",
        help="YAML file with the stage's settings: the keys of its recipe section, or a whole recipe with that section",
    ),
]

TextField = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Field of a record that holds its text, or a template of several: {q}\\n{a}, template:alpaca, "
        "template:sharegpt, template:messages",
    ),
]
Split = Annotated[
    str, typer.Option(metavar="NAME", help="Split to read of a Hub data set, or of a folder that save_to_disk wrote")
]
Base = Annotated[
    str,
    typer.Option(
        metavar="BASE",
        help="A folder, a Hub id, or one in a package: llama3, llama3.1, llama4, qwen, deepseek, tekken, smollm2",
    ),
]
Model = Annotated[
    str, typer.Option(metavar="MODEL", help="Model: a Hugging Face folder with safetensors weights, or a Hub id")
]
Plot = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also draw the figures into this .svg or .png file (needs the extra `report`)"),
]

HELP = {"help_option_names": ["-h", "--help"]}
"""Settings of every program: `-h` is what people type."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from hanhua import __version__

        print(f"hanhua {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit")
]


def program(version: Version = False) -> None:
    """Take the options that stand before a command."""
