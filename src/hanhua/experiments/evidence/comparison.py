"""A comparison from its recipe to its verdict. Any number of processes and machines may call this on one folder.

A run is taken by a lock on its folder, which a killed process gives back by itself; whoever finds none left to take
waits for those at work elsewhere, and then judges.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hanhua.artifacts.files import read_json, write_durably, write_json
from hanhua.errors import InvariantError, MissingExtra
from hanhua.experiments.evidence.arm_run import RESULT, TIMES, run_job
from hanhua.experiments.evidence.jobs import Job, jobs_of
from hanhua.experiments.evidence.page import render_page
from hanhua.experiments.evidence.preparation import prepare
from hanhua.experiments.evidence.preregistration import register
from hanhua.experiments.evidence.recipe import EvidenceRecipe
from hanhua.experiments.evidence.verdict import judge, read_results
from hanhua.progress import say

VERDICT, ALL_TIMES, PAGE = "verdict.json", "times.json", "evidence.html"
WAIT_SECONDS = 2.0


@dataclass(frozen=True)
class Progressed:
    """How far a comparison is. left_seconds: estimated from the runs that finished; None before one has."""

    done: int
    at_work: int
    total: int
    left_seconds: float | None


def compare_arms(recipe: EvidenceRecipe, folder: Path) -> dict[str, Any]:
    """Register, run what nobody else runs, wait for the others, judge; return the verdict.

    Raises MissingExtra without torch, UsageError for a comparison that was begun otherwise.
    """
    if any(find_spec(name) is None for name in ("torch", "peft", "accelerate")):
        raise MissingExtra("hanhua evidence", "train")
    registered = register(recipe, folder)
    jobs = jobs_of(recipe)
    say(f"evidence: preregistered as {registered[:12]}; {len(jobs)} runs")
    prepared = prepare(recipe, folder)
    while waiting := [job for job in jobs if not _is_done(folder, job)]:
        if not any(_taken(job, recipe, prepared, folder, registered) for job in waiting):
            time.sleep(WAIT_SECONDS)
    results = read_results(recipe, folder, registered=registered)
    if len(results) != len(jobs):
        raise InvariantError(f"{folder}: {len(jobs) - len(results)} results were removed while it was judged")
    verdict = judge(recipe, results, registered=registered)
    write_json(folder / VERDICT, verdict)
    times = _times(jobs, folder)
    write_json(folder / ALL_TIMES, times)
    write_durably(folder / PAGE, render_page(recipe, verdict, results, times))
    return verdict


def how_far(recipe: EvidenceRecipe, folder: Path) -> Progressed:
    """Return how many runs are finished, how many are at work, and about how long the rest will take."""
    jobs = jobs_of(recipe)
    done = [job for job in jobs if _is_done(folder, job)]
    at_work = sum(_is_held(folder, job) for job in jobs if job not in done)
    seconds = [read_json(path)["seconds"] for job in done if (path := folder / "arms" / job.name / TIMES).is_file()]
    left = (len(jobs) - len(done)) * sum(seconds) / len(seconds) / max(at_work, 1) if seconds else None
    return Progressed(len(done), at_work, len(jobs), left)


def _taken(job: Job, recipe: EvidenceRecipe, prepared: Any, folder: Path, registered: str) -> bool:
    """Run a job unless another process has it or it is done by now; return whether it was run here."""
    out = folder / "arms" / job.name
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / "lock").acquire(timeout=0):
            if _is_done(folder, job):
                return False
            say(f"evidence: {job.name}")
            run_job(job, recipe, prepared, folder, registered=registered)
    except Timeout:
        return False
    far = how_far(recipe, folder)
    left = "" if far.left_seconds is None or far.done == far.total else f"; about {far.left_seconds / 60:.0f} min left"
    say(f"evidence: {far.done} of {far.total} runs are finished{left}")
    return True


def _is_done(folder: Path, job: Job) -> bool:
    return (folder / "arms" / job.name / RESULT).is_file()


def _is_held(folder: Path, job: Job) -> bool:
    path = folder / "arms" / job.name / "lock"
    if not path.is_file():
        return False
    try:
        with FileLock(path).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _times(jobs: Sequence[Job], folder: Path) -> dict[str, Any]:
    """Return what the clock said of each run; a run that broke off has none."""
    found = {job.name: folder / "arms" / job.name / TIMES for job in jobs}
    return {name: read_json(path) for name, path in found.items() if path.is_file()}
