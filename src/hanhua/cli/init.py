"""`hanhua init`: writes a recipe from options, or from answers to its questions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanhua.cli.options import AsJson
from hanhua.cli.printing import print_json

if TYPE_CHECKING:
    from hanhua.pipeline.planning.init_recipe import Answers

EXAMPLE = (
    "Example: hanhua init my_recipe.yaml --base meta-llama/Meta-Llama-3-8B --devices 1xH100 --budget-dollars 100 "
    "--corpus zh=texts/*.jsonl.zst --license zh=CC-BY-4.0"
)
Many = list[str] | None
Price = Annotated[
    float | None,
    typer.Option(metavar="$", min=0, help="Price per device-hour in US dollars (default: typical for the device)"),
]


def init(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Recipe file to write")],
    base: Annotated[str | None, typer.Option(metavar="BASE", help="Folder or Hub id of the base model")] = None,
    devices: Annotated[
        str | None, typer.Option(metavar="NxGB", help="Accelerators by number and memory: 1x80GB, 8x80GB, 24GB, …")
    ] = None,
    corpus: Annotated[
        Many, typer.Option(metavar="NAME=PATH", help="Corpus by name; repeatable (default: public Hub data sets)")
    ] = None,
    language: Annotated[
        Many, typer.Option(metavar="NAME=zh|en|other", help="Language of the corpus (default: zh)")
    ] = None,
    license_: Annotated[Many, typer.Option("--license", metavar="NAME=LICENSE", help="License of the corpus")] = None,
    budget_tokens: Annotated[int | None, typer.Option(metavar="N", min=1, help="Budget in training tokens")] = None,
    budget_hours: Annotated[
        float | None, typer.Option(metavar="H", min=0, help="Budget in hours, instead of --budget-tokens")
    ] = None,
    budget_dollars: Annotated[
        float | None, typer.Option(metavar="$", min=0, help="Budget in US dollars, instead of --budget-tokens")
    ] = None,
    price: Price = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run and the model (default: from the base model)")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a recipe for a base model, hardware and budget; in a terminal, asks for options that are not given.

    Decides whether to extend the vocabulary, and by how much, from the text the budget can train on, and says why.
    """
    from hanhua.errors import UsageError
    from hanhua.pipeline.planning.init_recipe import Answers

    if out.exists():
        raise UsageError(f"{out}: exists already; choose another name")
    if budget_tokens is None and budget_hours is None and budget_dollars is None:
        budget_tokens = _whole(_asked("Tokens to train on", "--budget-tokens", "1000000000"))
    answers = Answers(
        base=base or _asked("Base model, a folder or Hub id", "--base", "meta-llama/Meta-Llama-3-8B"),
        devices=devices or _asked("Accelerators", "--devices", "1xH100"),
        corpora=_pairs("--corpus", corpus),
        languages=_pairs("--language", language),
        licenses=_pairs("--license", license_),
        tokens=budget_tokens,
        hours=budget_hours,
        dollars=budget_dollars,
        price=price,
        name=name,
    )
    _write(answers, out, as_json=as_json)


def _write(answers: Answers, out: Path, *, as_json: bool) -> None:
    from hanhua.errors import UsageError
    from hanhua.pipeline.planning.init_recipe import draft_recipe
    from hanhua.pipeline.recipe.load import load_recipe

    drafted = draft_recipe(answers)
    out.write_text(drafted.text, encoding="utf-8")
    try:
        load_recipe(out)
    except UsageError:
        out.unlink()
        raise
    if as_json:
        facts = {"tokens": drafted.tokens, "new_tokens": drafted.advice.new_tokens, "why": drafted.why}
        print_json({"recipe": str(out), **facts})
        return
    print("\n".join(drafted.why))
    print(f"\n{out}\nnext: hanhua plan {out}")


def _asked(question: str, option: str, default: str) -> str:
    from hanhua.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"{option} is missing, and stdin is not a terminal to ask in; for instance {option} {default}")
    return str(typer.prompt(question, default=default, err=True))


def _whole(answer: str) -> int:
    """Return the number somebody typed: `1000000000`, `1,000,000,000` or `1e9`."""
    from hanhua.errors import UsageError

    try:
        return int(float(answer.replace(",", "").replace("_", "")))
    except (ValueError, OverflowError):
        raise UsageError(f"{answer!r} is not a number of tokens; for instance 1e9") from None


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    from hanhua.errors import UsageError

    found = {}
    for pair in given or []:
        key, equals, value = pair.partition("=")
        if not equals or not key or not value:
            raise UsageError(f"{option} {pair}: expected NAME=VALUE")
        found[key] = value
    return found
