"""`hanhua filter train-quality`: a quality model from examples of good and bad documents."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from hanhua.cli.options import AsJson
from hanhua.cli.output import require_new

FILES = ".jsonl, .json, .txt, .csv, .parquet, also .gz, .zst; repeatable"


def train_quality(
    good: Annotated[
        list[Path], typer.Option(metavar="FILE", help=f"File of good documents, such as one would train on: {FILES}")
    ],
    bad: Annotated[list[Path], typer.Option(metavar="FILE", help=f"File of bad documents: {FILES}")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the model")],
    text_field: Annotated[str, typer.Option(metavar="NAME", help="Field of a record that holds its text")] = "text",
    documents: Annotated[
        int, typer.Option(metavar="N", min=1, help="Maximum number of documents read from each file")
    ] = 5000,
    column_bits: Annotated[
        int, typer.Option(metavar="N", min=10, max=20, help="Size of the model: 2^N weights; N = 20 is 2 MB")
    ] = 18,
    as_json: AsJson = False,
) -> None:
    """Train a quality model; use it with `quality: {model: DIR}` in a recipe's `filtering:` or in a file for --config.

    A document's score is the probability that it is one of the good ones, if both kinds are equally frequent.
    """
    from hanhua.documents.readers import read_records
    from hanhua.filtering.quality_model.model import save_quality_model
    from hanhua.filtering.quality_model.training import train_quality_model
    from hanhua.progress import say

    require_new(out)

    def read(files: list[Path]) -> list[str]:
        def skipped(place: str, why: str) -> None:
            say(f"skipped {place}: {why}")

        records = (islice(read_records(file, text_field=text_field, on_broken=skipped), documents) for file in files)
        return [record.text for some in records for record in some]

    facts = {"good": [file.name for file in good], "bad": [file.name for file in bad]}
    model = train_quality_model(read(good), read(bad), facts=facts, column_bits=column_bits)
    save_quality_model(model, out)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(dict(model.facts))
        return
    from hanhua.cli.printing import print_table

    counts, folds = model.facts["documents"], model.facts["held_out_folds"]
    print(f"learned from {counts['good']:,} good and {counts['bad']:,} bad documents")
    print("\neach judged by a model that has not seen it (area under ROC: 0.5 is chance, 1 is perfect):")
    print_table(("", "share"), [(name.replace("_", " "), f"{value:.4f}") for name, value in folds.items()])
    print(f"\nmodel: {out}")
