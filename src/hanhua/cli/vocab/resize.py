"""`vocab-extension resize`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanhua.cli.options import AsJson, Model
from hanhua.cli.vocab.options import new_folder

if TYPE_CHECKING:
    from hanhua.vocab_extension.resize.resize import Resized

Init = Annotated[
    str,
    typer.Option(
        metavar="METHOD",
        help="How new rows start: mean, calibrated, gaussian or random, or A+B (A for input, B for output rows); see "
        "vocab-extension probe",
    ),
]


def resize(
    model: Model,
    tokenizer: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the extended tokenizer")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the resized model")],
    init: Init = "mean+calibrated",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed of the methods gaussian and random")] = 0,
    pad_to: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Pad the matrices at the end to a multiple of N rows; 1 adds none"),
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Add rows for the new tokens to a model; all old rows and all other tensors stay identical.

    Works on one shard at a time, without loading the model: a laptop can resize a 70B model if its disk holds a second
    copy. Rows of the base that were never trained are detected, listed and left out of every mean and norm.
    """
    done = resize_to(out, model=model, tokenizer=tokenizer, init=init, seed=seed, pad_to=pad_to)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json({"out": str(out), **asdict(done)})
    else:
        print(f"{out}: {done.first_new_id:,} → {done.vocab_size:,} rows, new ones by {done.method}")
        if done.padded_rows:
            print(f"{done.padded_rows:,} rows at the end have no token; the generation config suppresses them")
        for name, rows in done.untrained.items():
            print(f"{name}: {len(rows):,} old rows were never trained (--json names them)")
        print(f"next: hanhua train --help   (the new rows are untrained: train {out} on Chinese text)")


def resize_to(out: Path, *, model: str, tokenizer: Path, init: str, seed: int, pad_to: int) -> Resized:
    """Write the resized model as a new folder `out`."""
    from hanhua.base.model_source import model_source
    from hanhua.vocab_extension.resize.initialization import Methods
    from hanhua.vocab_extension.resize.resize import grow_model

    methods = Methods.parse(init)
    folder = model_source(model)
    with new_folder(out) as partial:
        return grow_model(folder, tokenizer=tokenizer, out=partial, methods=methods, seed=seed, pad_to=pad_to)
