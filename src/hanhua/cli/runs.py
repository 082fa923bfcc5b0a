"""`hanhua status`, `report`, `compare` and `reproduce`: commands about an existing run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanhua.cli.options import AsJson, RunFolder
from hanhua.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from hanhua.pipeline.status import StageStatus

WATCH_SECONDS = 2.0


def status(
    run: RunFolder,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every two seconds until the run ends")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which stages of a run are done, running, stopped or pending."""
    from hanhua.pipeline.status import is_running, stage_statuses

    while True:
        statuses = stage_statuses(run)
        if as_json:
            print_json([vars(one) for one in statuses])
        else:
            if watch and sys.stdout.isatty():
                print("\x1b[2J\x1b[H", end="")
            _show(statuses)
        if not watch or not is_running(run):
            return
        sys.stdout.flush()
        time.sleep(WATCH_SECONDS)


def _show(statuses: list[StageStatus]) -> None:
    from hanhua.progress import duration

    rows = [(s.stage, s.state, "" if s.seconds is None else duration(s.seconds), s.says or s.folder) for s in statuses]
    print_table(("stage", "state", "took", "output folder / last log line"), rows)
    for one in statuses:
        if one.drift:
            print(f"{one.stage}: made with other code or libraries: {'; '.join(one.drift)}")


def clean(
    run: RunFolder,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete what is listed; without it nothing is deleted")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List folders of a run that its last command did not use, with sizes; --delete deletes them.

    These are the results of other settings, finished or not, and artifacts that were since redone.
    """
    from dataclasses import asdict

    from hanhua.pipeline.orphans import find_orphans, remove_orphans
    from hanhua.progress import data_size

    orphans = find_orphans(run)
    if as_json:
        print_json([{**asdict(one), "path": str(one.path), "deleted": delete} for one in orphans])
    elif orphans:
        rows = [(one.stage, one.what, data_size(one.size_bytes), str(one.path)) for one in orphans]
        print_table(("stage", "what", "size", "folder"), rows)
    if delete:
        remove_orphans(run, orphans)
    if not as_json:
        total = data_size(sum(one.size_bytes for one in orphans))
        done = f"{total} deleted" if delete else f"{total} can be freed with --delete"
        print(done if orphans else f"{run}: holds only what the run uses")


def report(run: RunFolder, as_json: AsJson = False) -> None:
    """Print a run's summary table, with the paths of its report, model and release."""
    from hanhua.pipeline.runner import RunResult
    from hanhua.pipeline.status import open_latest
    from hanhua.pipeline.summary import run_summary, summary_text

    summary = run_summary(RunResult(run, open_latest(run)))
    if as_json:
        print_json(summary)
    else:
        print(summary_text(summary))


def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder")],
    second: Annotated[Path, typer.Argument(metavar="RUN", help="Another run's folder")],
    as_json: AsJson = False,
) -> None:
    """Compare two runs: the settings that differ, and how their artifacts and figures differ."""
    from hanhua.pipeline.compare_runs import compare_runs, comparison_text

    found = compare_runs(first, second)
    if as_json:
        print_json(found.as_json())
    else:
        print(comparison_text(found))


def reproduce(
    run: RunFolder,
    into: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the second run (default: RUN-reproduced, next to RUN)"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a finished run again from its lock file and compare every artifact.

    With the same hardware and versions, artifacts must be identical bit for bit; otherwise figures may differ by 2%.
    Exit code 1 if they differ more.
    """
    from dataclasses import asdict

    from hanhua.pipeline.reproduce import reproduce as run_again

    found = run_again(run, into=into)
    if as_json:
        print_json({**asdict(found), "root": str(found.root), "identical": found.identical, "same": found.succeeded})
    else:
        for change in found.changes:
            print(f"changed since the first run: {change}")
        print_table(
            ("stage", "compared with the first run"),
            [(stage.stage, "; ".join((stage.verdict, *stage.differences))) for stage in found.stages],
        )
    if not found.succeeded:
        raise typer.Exit(1)
