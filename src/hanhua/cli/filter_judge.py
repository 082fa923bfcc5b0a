"""`hanhua filter judge`: one share of a recipe's texts, judged on one of several machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

EXAMPLE = (
    "Example: hanhua filter judge recipe.yaml --task 0 --tasks 8; and once all eight are done: hanhua run recipe.yaml"
)


def judge(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a shipped one")],
    task: Annotated[int, typer.Option(metavar="I", min=0, help="Which share, from 0; each takes every N-th file")],
    tasks: Annotated[int, typer.Option(metavar="N", min=1, help="How many shares there are")],
    overrides: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Override one value of the recipe"),
    ] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are kept; every machine sees it")] = Path(
        "runs"
    ),
    workers: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(metavar="N", min=1, help="Processes; one a core by default, at most 8"),
    ] = None,
) -> None:
    """Judge a share of a recipe's texts in a datatrove executor.

    When all shares are done, `hanhua run` goes on from the verdicts: the corpus is the same to the byte.
    """
    from hanhua.errors import UsageError
    from hanhua.recipes.load import find_recipe, load_recipe
    from hanhua.recipes.side_by_side import judge_texts

    if task >= tasks:
        raise UsageError(f"--task {task}: there are {tasks} tasks, numbered from 0 to {tasks - 1}")
    loaded = load_recipe(find_recipe(recipe), overrides or ())
    folder = judge_texts(loaded, runs=runs, task=task, tasks=tasks, workers=workers)
    print("filtering is finished already" if folder is None else folder)
