"""`hanhua plan`: what a recipe would run and what it would cost, and job scripts for a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.options import AsJson, Overrides, RecipeName, Runs, Strict, Until
from hanhua.cli.printing import print_json, print_table, print_text

if TYPE_CHECKING:
    from hanhua.pipeline.plan_steps import Step
    from hanhua.pipeline.planning.estimate import RecipeEstimate
    from hanhua.pipeline.planning.stage_estimate import StageEstimate

EXAMPLE = "Example: hanhua plan llama-3-8b-zh -s hardware.devices=8xH100 --slurm jobs"


def plan(
    recipe: RecipeName,
    overrides: Overrides = None,
    runs: Runs = Path("runs"),
    until: Until = None,
    strict: Strict = False,
    slurm: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write Slurm job scripts (filtering, asking a teacher, training, submit.sh) into this folder",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which stages would run, which are cached, why, and what they would cost; runs nothing.

    Hours, cost, memory and disk are estimated for the recipe's `hardware:`. Exit code 2: training would not fit it.
    """
    from hanhua.cli.stages import stage_named
    from hanhua.errors import UsageError
    from hanhua.pipeline.plan_steps import plan as plan_recipe
    from hanhua.pipeline.planning.estimate import as_json as estimate_json
    from hanhua.pipeline.planning.estimate import estimate_recipe
    from hanhua.pipeline.recipe.load import find_recipe, load_recipe
    from hanhua.synthesis.pilot.found import read_pilot

    loaded = load_recipe(find_recipe(recipe), overrides or ())
    steps = plan_recipe(loaded, runs=runs, until=stage_named(until), strict=strict)
    found = estimate_recipe(loaded.recipe, pilot=read_pilot(runs / loaded.recipe.name / "synthesis"))
    if as_json:
        stages = [_as_json(step) for step in steps]
        print_json({"stages": stages, "estimate": estimate_json(found)})
    else:
        _show(steps, found)
    if slurm is not None:
        from hanhua.pipeline.planning.slurm import write_job_scripts

        for path in write_job_scripts(loaded, found, into=slurm, recipe=recipe, overrides=overrides or (), runs=runs):
            print(path)
    if not found.fits:
        assert found.training is not None
        options = "\n  ".join(found.training.remedies) or "no change of settings alone would be enough"
        need, has = (number / 1e9 for number in (found.training.memory_bytes, found.training.device_memory_bytes))
        raise UsageError(
            f"training needs {need:,.1f} GB per device, and one of {loaded.recipe.hardware.devices} has {has:,.0f}; "
            f"any of these would fit:\n  {options}"
        )


def _as_json(step: Step) -> dict[str, Any]:
    drift, notes = list(step.drift), list(step.notes)
    return {"stage": step.stage, "state": step.state, "why": list(step.reasons), "drift": drift, "notes": notes}


def _show(steps: list[Step], found: RecipeEstimate) -> None:
    heads = ("stage", "state", "hours", "money", "memory", "disk", "why, and what the estimates are based on")
    print_table(heads, [_row(step, found.stages.get(step.stage)) for step in steps])
    todo = [step.stage for step in steps if step.state != "cached"]
    totals = {name: found.total(name, todo) for name in ("hours", "dollars", "disk_bytes")}
    from hanhua.pipeline.planning.advice import times

    known = [hours(totals["hours"]), money(totals["dollars"]), size(totals["disk_bytes"])]
    print_text(
        f"\nto do: {known[0] or '0'} of what is known; {known[1] or 'cost unknown'}; {known[2] or '0 GB'} of disk"
    )
    if found.tokens is not None:
        passes = ", ".join(f"{name} {times(number)}" for name, number in found.passes.items())
        print_text(f"trains on {found.tokens:,} tokens" + (f": {passes}" if passes else ""))
    for step in steps:
        if step.drift and step.state != "runs":
            print_text(
                f"{step.stage}: made with other code or libraries, and reused: {'; '.join(step.drift)} (--strict)"
            )
        for note in step.notes:
            print_text(f"{step.stage}: {note}")
    for line in found.assumptions:
        print_text(f"assumed: {line}")


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
