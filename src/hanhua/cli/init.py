"""`hanhua init`: writes a recipe from options, or from answers to its questions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanhua.cli.named_values import named_values
from hanhua.cli.options import AsJson
from hanhua.cli.printing import print_json, print_text

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


OutFile = Annotated[Path, typer.Argument(metavar="FILE", help="Recipe file to write")]
Base = Annotated[str | None, typer.Option(metavar="BASE", help="Folder or Hub id of the base model")]
Devices = Annotated[
    str | None, typer.Option(metavar="NxGPU", help="GPUs by number and name: 8xA800, H20, RTX4090-48GB, …")
]
Corpora = Annotated[
    Many, typer.Option(metavar="NAME=PATH", help="Corpus by name; repeatable (default: public Hub data sets)")
]
Languages = Annotated[Many, typer.Option(metavar="NAME=zh|en|other", help="Language of the corpus (default: zh)")]
Licenses = Annotated[Many, typer.Option("--license", metavar="NAME=LICENSE", help="License of the corpus")]
Tokens = Annotated[str | None, typer.Option(metavar="N", help="Budget in training tokens, such as 1e9")]
Hours = Annotated[float | None, typer.Option(metavar="H", min=0, help="Budget in hours, instead of --budget-tokens")]
Dollars = Annotated[
    float | None, typer.Option(metavar="$", min=0, help="Budget in US dollars, instead of --budget-tokens")
]
Name = Annotated[str | None, typer.Option(help="Name of the run and the model (default: from the base model)")]
Convert = Annotated[
    str | None, typer.Option(metavar="t2s|s2tw|s2hk", help="Convert Chinese texts (default: as they are)")
]
NewTokens = Annotated[
    str | None, typer.Option(metavar="N", help="Number of new tokens, 0 for none (default: as advised)")
]
Benchmarks = Annotated[
    Many, typer.Option(metavar="TASK", help="Benchmark to measure; repeatable (default: the shipped recipe's)")
]


def init(
    out: OutFile,
    base: Base = None,
    devices: Devices = None,
    corpus: Corpora = None,
    language: Languages = None,
    license_: Licenses = None,
    budget_tokens: Tokens = None,
    budget_hours: Hours = None,
    budget_dollars: Dollars = None,
    price: Price = None,
    name: Name = None,
    convert: Convert = None,
    new_tokens: NewTokens = None,
    benchmark: Benchmarks = None,
    as_json: AsJson = False,
) -> None:
    """Write a recipe for a base model, hardware and budget; in a terminal, asks for options that are not given.

    Decides whether to extend the vocabulary, and by how much, from the text the budget can train on, and says why.
    """
    from hanhua.cli.init_dialogue import whole_number
    from hanhua.errors import UsageError
    from hanhua.pipeline.planning.init_recipe import Answers

    if out.exists():
        raise UsageError(f"{out}: exists already; choose another name")
    answers = Answers(
        base=base or "",
        devices=devices or "",
        corpora=named_values("--corpus", corpus),
        languages=named_values("--language", language),
        licenses=named_values("--license", license_),
        tokens=None if budget_tokens is None else whole_number(budget_tokens),
        hours=budget_hours,
        dollars=budget_dollars,
        price=price,
        name=name,
        convert=_conversion(convert),
        new_tokens=None if new_tokens is None else whole_number(new_tokens),
        benchmarks=None if benchmark is None else tuple(benchmark),
    )
    if _is_incomplete(answers):
        answers = _completed(answers, out)
    _write(answers, out, as_json=as_json)


def _is_incomplete(answers: Answers) -> bool:
    budget = (answers.tokens, answers.hours, answers.dollars)
    return not answers.base or not answers.devices or budget == (None, None, None)


def _completed(answers: Answers, out: Path) -> Answers:
    """Ask for what is missing; UsageError where nobody is there to answer."""
    from hanhua.cli.init_dialogue import BASE, asked
    from hanhua.errors import UsageError

    if sys.stdin.isatty():
        return asked(answers, out)
    missing = [
        *(
            ["--budget-tokens is missing"]
            if (answers.tokens, answers.hours, answers.dollars) == (None, None, None)
            else []
        ),
        *([] if answers.base else ["--base is missing"]),
        *([] if answers.devices else ["--devices is missing"]),
    ]
    raise UsageError(
        f"{', '.join(missing)}, and stdin is not a terminal to ask in; for instance --base {BASE} --devices 1xH100 "
        "--budget-tokens 1e9"
    )


def _write(answers: Answers, out: Path, *, as_json: bool) -> None:
    """Write the recipe beside its place, look at it as `validate` does, and only then put it there."""
    from hanhua.errors import UsageError
    from hanhua.pipeline.planning.init_recipe import draft_recipe
    from hanhua.pipeline.recipe.load import load_recipe
    from hanhua.pipeline.recipe.readiness import READINESS

    drafted = draft_recipe(answers)
    aside = out.with_name(f".{out.name}.draft")
    aside.write_text(drafted.text, encoding="utf-8")
    try:
        load_recipe(aside, checks=READINESS)
        aside.replace(out)
    except UsageError:
        aside.unlink(missing_ok=True)
        raise
    if as_json:
        facts = {"tokens": drafted.tokens, "new_tokens": drafted.advice.new_tokens, "why": drafted.why}
        print_json({"recipe": str(out), **facts})
        return
    print_text("\n".join(drafted.why))
    print(f"\n{out}\nnext: hanhua plan {out}")


def _conversion(given: str | None) -> str | None:
    from hanhua.errors import UsageError

    if given is not None and given not in ("t2s", "s2tw", "s2hk"):
        raise UsageError(f"--convert {given}: one of t2s, s2tw, s2hk")
    return given
