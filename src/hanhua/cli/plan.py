"""`hanhua plan`: what a recipe would do and take, and the job scripts for a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from hanhua.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from hanhua.recipes.estimate import RecipeEstimate, StageEstimate
    from hanhua.recipes.runner import Step

EXAMPLE = "Example: hanhua plan llama-3-8b-zh -s hardware.devices=8x80GB --slurm jobs"


def plan(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a shipped one")],
    overrides: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Override one value: -s hardware.devices=8x80GB"),
    ] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are kept")] = Path("runs"),
    until: Annotated[Optional[str], typer.Option(metavar="STAGE", help="Stop after this stage")] = None,  # noqa: UP045
    slurm: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Write job scripts for Slurm into this folder: texts, training, submit.sh"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script")] = False,
) -> None:
    """Say which stages would run, which are cached and why not, and what they take; run nothing.

    Hours, money, memory and disk are reckoned for `hardware:` of the recipe. Exit code 2: training would not fit it.
    """
    from hanhua.cli.stages import stage_named
    from hanhua.errors import UsageError
    from hanhua.recipes.estimate import as_json as estimate_json
    from hanhua.recipes.estimate import estimate_recipe
    from hanhua.recipes.load import find_recipe, load_recipe
    from hanhua.recipes.runner import plan as plan_recipe

    loaded = load_recipe(find_recipe(recipe), overrides or ())
    steps = plan_recipe(loaded, runs=runs, until=stage_named(until))
    found = estimate_recipe(loaded.recipe)
    if as_json:
        stages = [{"stage": step.stage, "state": step.state, "why": list(step.reasons)} for step in steps]
        print_json({"stages": stages, "estimate": estimate_json(found)})
    else:
        _show(steps, found)
    if slurm is not None:
        from hanhua.recipes.slurm import write_job_scripts

        for path in write_job_scripts(loaded, found, into=slurm, recipe=recipe, overrides=overrides or (), runs=runs):
            print(path)
    if not found.fits:
        assert found.training is not None
        options = "\n  ".join(found.training.remedies) or "no change of settings alone would do"
        need, has = (number / 1e9 for number in (found.training.memory_bytes, found.training.device_memory_bytes))
        raise UsageError(
            f"training needs {need:,.1f} GB a device, and one of {loaded.recipe.hardware.devices} has {has:,.0f}; "
            f"any of these would fit:\n  {options}"
        )


def _show(steps: list[Step], found: RecipeEstimate) -> None:
    heads = ("stage", "state", "hours", "money", "memory", "disk", "why, and what the figures rest on")
    print_table(heads, [_row(step, found.stages.get(step.stage)) for step in steps])
    todo = [step.stage for step in steps if step.state != "cached"]
    totals = {name: found.total(name, todo) for name in ("hours", "dollars", "disk_bytes")}
    from hanhua.recipes.advice import times

    known = [hours(totals["hours"]), money(totals["dollars"]), size(totals["disk_bytes"])]
    print(f"\nto do: {known[0] or '0'} of what is known; {known[1] or 'no money known'}; {known[2] or '0 GB'} of disk")
    if found.tokens is not None:
        passes = ", ".join(f"{name} {times(number)}" for name, number in found.passes.items())
        print(f"trains on {found.tokens:,} tokens" + (f": {passes}" if passes else ""))
    for line in found.assumptions:
        print(f"assumed: {line}")


def _row(step: Step, estimate: StageEstimate | None) -> tuple[str, ...]:
    why = "; ".join(step.reasons)
    if estimate is None or step.state == "cached":
        return (step.stage, step.state, "", "", "", "", why)
    figures = (hours(estimate.hours), money(estimate.dollars), size(estimate.memory_bytes), size(estimate.disk_bytes))
    return (step.stage, step.state, *figures, "; ".join(part for part in (why, estimate.note) if part))


def hours(value: Any) -> str:
    """Return hours as people read them; nothing for what is not known."""
    from hanhua.progress import duration

    if value is None:
        return ""
    return f"{value:,.1f} h" if value >= 10 else duration(value * 3600)


def money(value: Any) -> str:
    """Return dollars, or nothing."""
    return "" if value is None else f"${value:,.0f}" if value >= 10 else f"${value:,.2f}"


def size(value: Any) -> str:
    """Return bytes as people read them, or nothing."""
    from hanhua.progress import data_size

    return "" if value is None else data_size(value)
