"""`vocab-extension resize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hanhua.cli.vocab.options import AsJson, new_folder


def resize(
    model: Annotated[Path, typer.Option(metavar="MODEL", help="A Hugging Face folder with safetensors weights")],
    tokenizer: Annotated[Path, typer.Option(metavar="DIR", help="The extended tokenizer")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the resized model")],
    init: Annotated[str, typer.Option(metavar="METHOD", help="mean, calibrated, gaussian or random")] = "mean",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of gaussian and random")] = 0,
    as_json: AsJson = False,
) -> None:
    """Give a model rows for the new tokens; every old row and every other tensor keeps its bytes.

    One shard at a time, without loading the model: a 70B fits a laptop, if its disk holds a second copy.
    """
    from pydantic import ValidationError

    from hanhua.errors import UsageError
    from hanhua.vocab_extension.config import InitialiseConfig
    from hanhua.vocab_extension.resize import resize_folder

    try:
        config = InitialiseConfig.model_validate({"method": init, "seed": seed})
    except ValidationError:
        raise UsageError(f"--init {init}: unknown method; one of mean, calibrated, gaussian, random") from None
    with new_folder(out) as partial:
        done = resize_folder(model, tokenizer=tokenizer, out=partial, config=config)
    facts = {
        "out": str(out),
        "vocab_size": done.vocab_size,
        "first_new_id": done.first_new_id,
        "method": done.method,
        "tied": done.tied,
        "untrained": {name: len(ids) for name, ids in done.untrained.items()},
    }
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(facts)
    else:
        print(f"{out}: {done.first_new_id:,} → {done.vocab_size:,} rows, new ones by {done.method}")
        print(f"next: hanhua train --help   (the new rows know nothing yet: train on Chinese text from {out})")
