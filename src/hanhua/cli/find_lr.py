"""`hanhua find-lr`: the learning rate of a training, by a short one at each of several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanhua.cli.options import AsJson, ConfigFile, Overrides
from hanhua.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from hanhua.experiments.learning_rates import FoundRate

EXAMPLE = (
    "Example: hanhua find-lr --model models/resized --corpus texts/corpus --learned zh --retained en --work lr "
    "-s weights.zh=0.85 -s weights.en=0.15"
)


def find_lr(
    model: Annotated[
        Path, typer.Option(metavar="DIR", help="Model artifact, or a Hugging Face folder of a Llama model")
    ],
    corpus: Annotated[Path, typer.Option(metavar="DIR", help="Corpus folder made by `hanhua filter run`")],
    learned: Annotated[
        list[str], typer.Option(metavar="NAME", help="Corpus whose held-out text is to get better; repeatable")
    ],
    work: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results; a search there is resumed")],
    retained: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Corpus whose held-out text is to stay as good; repeatable")
    ] = None,
    factors: Annotated[
        str, typer.Option(metavar="LIST", help="What both learning rates are multiplied with, one after the other")
    ] = "0.1,0.3,1,3,10",
    tokens: Annotated[int, typer.Option(metavar="N", min=1, help="Tokens of each short training")] = 1_000_000,
    max_loss_increase: Annotated[
        float | None,
        typer.Option(metavar="SHARE", min=0, help="Choose no rate at which retained text gets worse by more, 0.02: 2%"),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    first_new_id: Annotated[
        int | None, typer.Option(metavar="ID", min=1, help="Id of the first new token (default: as hanhua train)")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train shortly at several learning rates and show which one held-out text likes best."""
    from dataclasses import asdict

    from hanhua.artifacts.hashes import FileHashes
    from hanhua.artifacts.manifest import open_artifact
    from hanhua.cli.train import model_artifact, training_settings
    from hanhua.experiments.learning_rates import RateSearch, search_learning_rate

    numbers = _numbers(factors)
    search = RateSearch(tuple(learned), tuple(retained or ()), numbers, tokens, max_loss_increase)
    settings = training_settings(config, overrides or [])
    hashes = FileHashes(work / "hashes.json")
    texts = hashes.check(open_artifact(corpus, kind="corpus"))
    base, known = model_artifact(model, hashes)
    first = known if first_new_id is None else first_new_id
    found = search_learning_rate(search, settings, base=base, corpus=texts, first_new_id=first, work=work)
    if as_json:
        best = asdict(found.best) if found.best else None
        print_json({"tried": [asdict(one) for one in found.tried], "best": best, "at_edge": found.at_edge})
    else:
        _show(found)


def _numbers(text: str) -> tuple[float, ...]:
    from hanhua.errors import UsageError

    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) <= 0:
        raise UsageError(f"--factors {text}: expected numbers above 0 with commas between them, such as 0.1,1,10")
    return found


def _show(found: FoundRate) -> None:
    rows = []
    for one in found.tried:
        if one.bits_per_byte is None:
            end, worst = "broke off", one.stopped or ""
        else:
            end = f"{one.start_bits_per_byte:.4f} -> {one.bits_per_byte:.4f}"
            worst = "" if one.worst_increase is None else f"{one.worst_increase:+.1%}"
        mark = "best" if one == found.best else ""
        rows.append(
            [f"{one.factor:g}", f"{one.learning_rate:.3g}", f"{one.embedding_learning_rate:.3g}", end, worst, mark]
        )
    print_table(("factor", "learning_rate", "embedding_learning_rate", "learned, bits per byte", "retained", ""), rows)
    if found.best is None:
        print("no rate went well; try lower factors")
    elif found.at_edge:
        print("the best is the last that was tried in its direction; try factors beyond it")
