"""Options that several commands share, each declared once: the same name means the same thing everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FORMATS = ".jsonl, .json, .txt, .parquet, also .gz or .zst; a folder, a glob, or hf://datasets/ID"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script")]
RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a shipped one")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/quickstart")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Override one value: -s continued_pretrain.max_tokens=200000; repeatable",
    ),
]
Runs = Annotated[Path, typer.Option(metavar="DIR", help="Folder that holds the runs; every machine of a run sees it")]
Until = Annotated[str | None, typer.Option(metavar="STAGE", help="Stop after this stage")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Redo what was made with other code or libraries, instead of reusing it")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        metavar="YAML", help="Settings of the stage: the keys of its section in a recipe, or a whole recipe that has it"
    ),
]
TextField = Annotated[str, typer.Option(metavar="NAME", help="Field of a record that holds its text")]
Split = Annotated[str, typer.Option(metavar="NAME", help="Split of a Hub data set")]
Base = Annotated[
    str,
    typer.Option(
        metavar="BASE",
        help="A folder, a Hub id, or one in a package: llama3, llama3.1, llama4, qwen, deepseek, tekken, smollm2",
    ),
]
Model = Annotated[
    str, typer.Option(metavar="MODEL", help="A Hugging Face folder with safetensors weights, or a Hub id")
]
Plot = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Draw it too, as .svg or .png (the extra `report`)"),
]
