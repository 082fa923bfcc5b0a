"""`hanhua filter judge`: one share of a recipe's texts, judged on one of several machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hanhua.cli.options import Overrides, RecipeName, Runs

EXAMPLE = (
    "Example: hanhua filter judge recipe.yaml --task 0 --tasks 8; and once all eight are done: hanhua run recipe.yaml"
)


def judge(
    recipe: RecipeName,
    task: Annotated[
        int, typer.Option(metavar="I", min=0, help="Index of this share, from 0; each takes every N-th file")
    ],
    tasks: Annotated[int, typer.Option(metavar="N", min=1, help="Total number of shares")],
    overrides: Overrides = None,
    runs: Runs = Path("runs"),
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Number of processes (default: one per core, at most 8)"),
    ] = None,
) -> None:
    """Judge a share of a recipe's texts in a datatrove executor.

    When all shares are done, `hanhua run` continues from the verdicts; the corpus is the same, byte for byte.
    """
    from hanhua.errors import UsageError
    from hanhua.pipeline.distributed import judge_texts
    from hanhua.pipeline.recipe.load import find_recipe, load_recipe

    if task >= tasks:
        raise UsageError(f"--task {task}: there are {tasks} tasks, numbered from 0 to {tasks - 1}")
    loaded = load_recipe(find_recipe(recipe), overrides or ())
    folder = judge_texts(loaded, runs=runs, task=task, tasks=tasks, workers=workers)
    print("filtering is finished already" if folder is None else folder)
