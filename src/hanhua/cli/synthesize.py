"""`hanhua synthesize`: synthetic text of a recipe: a pilot, a provider's batch files, or all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.options import AsJson, Overrides, RecipeName, Runs
from hanhua.cli.printing import print_json, print_table, print_text

if TYPE_CHECKING:
    from hanhua.pipeline.recipe.load import LoadedRecipe
    from hanhua.services import Services
    from hanhua.synthesis.settings import SynthesisConfig

EXAMPLE = (
    "Example: hanhua synthesize llama-3-8b-zh-synthetic --pilot 200 "
    "-s synthesis.teacher.base_url=http://127.0.0.1:8000/v1 -s synthesis.teacher.model=Qwen/Qwen3-4B-Instruct-2507"
)


def synthesize(
    recipe: RecipeName,
    overrides: Overrides = None,
    runs: Runs = Path("runs"),
    pilot: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Ask about N sections only: pass rates by form, cost, hours, samples as a page; compares the teacher "
            "with synthesis.compared_teacher, if the recipe names one. `hanhua plan` uses what it finds",
        ),
    ] = None,
    batch_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what is not answered yet as a provider's batch file, and ask nothing"),
    ] = None,
    batch_in: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the output of such a batch into the ledger")
    ] = None,
    task: Annotated[
        int | None, typer.Option(metavar="I", min=0, help="Index of this machine's share of the requests, from 0")
    ] = None,
    tasks: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Total number of shares; each asks every N-th request")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a teacher model for synthetic text, judge every answer, and write the Corpus with what is kept.

    Filters the recipe's corpora first, where that is not done. Every answer is on disk before it counts: run the same
    command again after an interruption, and nothing is asked twice. With --task and --tasks several machines ask, each
    in a datatrove executor; the command without them then takes in all their answers, asks the rest and judges.
    """
    from hanhua.errors import UsageError
    from hanhua.pipeline.recipe.load import find_recipe, load_recipe

    if sum(one is not None for one in (pilot, batch_out, batch_in, task)) > 1:
        raise UsageError("--pilot, --batch-out, --batch-in and --task: give one of them at a time")
    loaded = load_recipe(find_recipe(recipe), overrides or ())
    config = _section(loaded)
    if task is not None or tasks is not None:
        _share(loaded, runs, task, tasks, as_json=as_json)
    elif pilot is not None:
        _pilot(loaded, config, runs, seeds=pilot, as_json=as_json)
    elif batch_out is not None or batch_in is not None:
        _batch(loaded, config, runs, batch_out, batch_in, as_json=as_json)
    else:
        _all(loaded, runs, as_json=as_json)


def _share(loaded: LoadedRecipe, runs: Path, task: int | None, tasks: int | None, *, as_json: bool) -> None:
    from hanhua.errors import UsageError
    from hanhua.pipeline.distributed import ask_share

    if task is None or tasks is None or task >= tasks:
        raise UsageError(f"--task {task} --tasks {tasks}: give both, of N tasks numbered from 0 to N - 1")
    ledger = ask_share(loaded, runs=runs, task=task, tasks=tasks)
    print_json({"ledger": str(ledger)}) if as_json else print(f"answers: {ledger}")


def _section(loaded: LoadedRecipe) -> SynthesisConfig:
    from hanhua.errors import UsageError
    from hanhua.pipeline.recipe.completion import completed

    config = completed(loaded.recipe).synthesis
    if config is None:
        raise UsageError(f"{loaded.path}: has no section `synthesis`; see hanhua recipes show llama-3-8b-zh-synthetic")
    return config


def _corpus(loaded: LoadedRecipe, runs: Path) -> tuple[Path, Path]:
    """Return the filtered Corpus of a recipe, filtered now where it is not, and the folder of the stage."""
    from hanhua.pipeline.runner import run

    result = run(loaded, runs=runs, until="filtering")
    return result.artifacts["filtering"].path, result.root / "synthesis"


def _services() -> Services:
    from hanhua.pipeline.service_builders import services_named
    from hanhua.pipeline.stages import stage_named

    return services_named(stage_named("synthesis").services)


def _pilot(loaded: LoadedRecipe, config: SynthesisConfig, runs: Path, *, seeds: int, as_json: bool) -> None:
    from hanhua.artifacts.files import write_json
    from hanhua.pipeline.teacher_at_hand import require_teacher_before
    from hanhua.synthesis.pilot.found import PAGE, PILOT, read_pilot
    from hanhua.synthesis.pilot.measure import run_pilot
    from hanhua.synthesis.pilot.page import write_page
    from hanhua.synthesis.stage import LEDGER

    require_teacher_before(loaded.recipe, runs / loaded.recipe.name)
    corpus, folder = _corpus(loaded, runs)
    earlier = read_pilot(folder) or {}
    ledger = folder / LEDGER
    data, found = run_pilot(config, corpus, seeds=seeds, ledger=ledger, services=_services(), earlier=earlier)
    write_json(folder / PILOT, data)
    write_page(folder / PAGE, data, found)
    if as_json:
        print_json({**data, "page": str(folder / PAGE)})
        return
    for teacher in data["teachers"]:
        _show_teacher(teacher)
    print(f"samples beside their sources: {folder / PAGE}")


def _show_teacher(teacher: Mapping[str, Any]) -> None:
    print_text(f"\n{teacher['model']}:")
    heads = (
        "form", "requests", "kept", "95% interval", "good tokens", "$ per million good", "whole run: answered", "good",
        "rejected for",
    )  # fmt: skip
    print_table(heads, [_form_row(name, form) for name, form in teacher["forms"].items()])
    whole = teacher["whole"]
    hours = "hours unknown (too few new answers)" if whole["hours"] is None else f"{whole['hours']:,.2f} hours"
    reach = {name: "" if one is None else f" (±{one:.0%})" for name, one in whole["reaches"].items()}
    print_text(
        f"all {whole['requests']:,} requests: {whole['good_tokens']:,.0f} good tokens{reach['good_tokens']}, "
        f"{whole['tokens']:,.0f} tokens sent and answered{reach['tokens']}, of which "
        f"{whole['output_tokens']:,.0f} answered{reach['output_tokens']}, "
        f"{_money(whole, reach)}, {hours}"
    )
    for caution in teacher["cautions"]:
        print_text(f"careful: {caution}")


def _money(whole: Mapping[str, Any], reach: Mapping[str, str]) -> str:
    return f"${whole['dollars']:,.2f}{reach['dollars']}" if "dollars" in reach else "no prices in the recipe"


def _form_row(name: str, form: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = form["pass_rate_interval"]
    price = form["dollars_per_million_good_tokens"]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in list(form["rejected"].items())[:4])
    return (
        name,
        f"{form['requests']:,}",
        f"{form['pass_rate']:.1%}",
        f"{low:.0%}–{high:.0%}",
        f"{form['good_tokens']:,}",
        "" if price is None else f"{price:,.2f}",
        *(_span(form["whole_intervals"][key]) for key in ("output_tokens", "good_tokens")),
        reasons,
    )


def _span(interval: Sequence[float] | None) -> str:
    return "unknown" if interval is None else f"{interval[0]:,.0f}–{interval[1]:,.0f}"


def _batch(
    loaded: LoadedRecipe,
    config: SynthesisConfig,
    runs: Path,
    batch_out: Path | None,
    batch_in: Path | None,
    *,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from hanhua.synthesis.ledger.file import open_ledger
    from hanhua.synthesis.stage import LEDGER, make_job
    from hanhua.synthesis.teachers.batch_files import read_batch, write_batch

    corpus, folder = _corpus(loaded, runs)
    job = make_job(config, corpus, _services())
    with open_ledger(folder / LEDGER) as ledger:
        if batch_out is not None:
            written = write_batch(batch_out, job.requests(), ledger)
            print_json({"requests": written, "file": str(batch_out)}) if as_json else print(
                f"{batch_out}: {written:,} requests"
            )
        if batch_in is not None:
            read = read_batch(batch_in, job.requests(), ledger, config.teacher)
            print_json(asdict(read)) if as_json else print(
                f"{batch_in}: {read.answered:,} answers taken, {read.known:,} known before, {read.refused:,} refused, "
                f"{read.failed:,} to be asked again, {read.other:,} of other settings"
            )


def _all(loaded: LoadedRecipe, runs: Path, *, as_json: bool) -> None:
    from hanhua.pipeline.runner import run

    result = run(loaded, runs=runs, until="synthesis")
    made = result.artifacts["synthesis"]
    if as_json:
        print_json({"out": str(made.path), **made.facts})
        return
    rows = [
        (name, f"{form['requests']:,}", f"{form['pass_rate']:.1%}", f"{form['characters']:,}", _reasons(form))
        for name, form in made.facts["forms"].items()
    ]
    print_table(("form", "requests", "kept", "characters", "rejected for"), rows)
    spent = made.facts["spent"]
    print_text(f"spent so far: {spent['tokens']:,} tokens, ${spent['dollars']:,.2f}")
    print(f"corpus: {made.path}")


def _reasons(form: Mapping[str, Any]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in list(form["rejected"].items())[:4])
