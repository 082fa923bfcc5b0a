"""`vocab-extension resize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hanhua.cli.options import AsJson, Model
from hanhua.cli.vocab.options import new_folder

Init = Annotated[
    str,
    typer.Option(
        metavar="METHOD",
        help="mean, calibrated, gaussian or random, or A+B: A for input rows, B for output rows; see "
        "vocab-extension probe",
    ),
]


def resize(
    model: Model,
    tokenizer: Annotated[Path, typer.Option(metavar="DIR", help="The extended tokenizer")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the resized model")],
    init: Init = "mean+calibrated",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of gaussian and random")] = 0,
    pad_to: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Rows without a token at the end, up to a multiple of N (1: none)"),
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Give a model rows for the new tokens; every old row and every other tensor keeps its bytes.

    One shard at a time, without loading the model: a 70B fits a laptop, if its disk holds a second copy. Rows of the
    base that were never trained are found, named and left out of every mean and norm.
    """
    from hanhua.base.model_source import model_source
    from hanhua.vocab_extension.resize.initialization import Methods
    from hanhua.vocab_extension.resize.resize import grow_model

    methods = Methods.parse(init)
    folder = model_source(model)
    with new_folder(out) as partial:
        done = grow_model(folder, tokenizer=tokenizer, out=partial, methods=methods, seed=seed, pad_to=pad_to)
    facts = {
        "out": str(out),
        "vocab_size": done.vocab_size,
        "first_new_id": done.first_new_id,
        "method": done.method,
        "tied": done.tied,
        "padded_rows": done.padded_rows,
        "untrained": done.untrained,
    }
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(facts)
    else:
        print(f"{out}: {done.first_new_id:,} → {done.vocab_size:,} rows, new ones by {done.method}")
        if done.padded_rows:
            print(f"{done.padded_rows:,} rows at the end have no token; the generation config suppresses them")
        for name, rows in done.untrained.items():
            print(f"{name}: {len(rows):,} old rows were never trained (--json names them)")
        print(f"next: hanhua train --help   (the new rows know nothing yet: train on Chinese text from {out})")
