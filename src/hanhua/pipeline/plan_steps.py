"""What a run would do with each stage, and why: what is there, what is begun, what differs. Nothing is run here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hanhua.artifacts.identity import Identity
from hanhua.artifacts.manifest import Artifact
from hanhua.artifacts.store import Store
from hanhua.errors import UsageError
from hanhua.pipeline.jobs import StageJob, identify, jobs
from hanhua.pipeline.lock_file import pinned
from hanhua.pipeline.recipe.load import LoadedRecipe
from hanhua.pipeline.stages import stage_names

NEVER_RUN = "not run yet"
State = Literal["cached", "resumes", "runs", "waits"]


@dataclass(frozen=True)
class Step:
    """One stage of a plan. reasons: why it is not cached, or, of unfinished work, that it goes on.

    drift: how code and libraries differ from those its artifact was made with, or its unfinished work begun with.
    notes: unfinished folders that cannot be taken up, each with the settings that differ and what to do about it.
    """

    job: StageJob
    state: State
    reasons: tuple[str, ...] = ()
    artifact: Artifact | None = None
    wanted: Identity | None = None
    drift: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """The stage's name."""
        return self.job.stage


def plan(loaded: LoadedRecipe, *, runs: Path, until: str | None = None, strict: bool = False) -> list[Step]:
    """Say for every stage whether it is cached and, if not, why; run nothing.

    strict: what was made with other code or libraries counts as not made.
    """
    store = Store(runs / loaded.recipe.name)
    loaded, _ = pinned(loaded, store.root, resolve=None)
    artifacts: dict[str, Artifact] = {}
    steps: list[Step] = []
    for job in only_until(jobs(loaded.recipe), until):
        step = next_step(job, artifacts, store, strict=strict, looking=True)
        steps.append(step)
        if step.artifact is not None and step.state == "cached":
            artifacts[job.stage] = step.artifact
    return steps


def next_step(
    job: StageJob, artifacts: Mapping[str, Artifact], store: Store, *, strict: bool = False, looking: bool = False
) -> Step:
    """Return what is to be done for a stage, given the artifacts before it.

    looking: nothing on disk is moved for it.
    """
    missing = {stage for stage in job.inputs.values() if stage not in artifacts}
    if missing:
        return Step(job, "waits", (f"for {', '.join(stage for stage in stage_names() if stage in missing)}",))
    wanted = identify(job, artifacts, store.hashes)
    found = store.find(wanted, take_in=not looking)
    if found is not None:
        drift = tuple(store.record(found).drift_to(wanted.record))
        if not (strict and drift):
            return Step(job, "cached", artifact=found, wanted=wanted, drift=drift)
        return Step(job, "runs", drift, artifact=found, wanted=wanted, drift=drift)
    notes = tuple(_not_taken_up(one.path, one.differences, store.root) for one in store.unfinished_beside(wanted))
    if store.is_begun(wanted):
        drift = tuple(store.begun_with(wanted).drift_to(wanted.record))
        if not (strict and drift):
            return Step(job, "resumes", ("begun and not finished",), wanted=wanted, drift=drift, notes=notes)
        return Step(job, "runs", drift, wanted=wanted, drift=drift, notes=notes)
    reasons = tuple(store.why_not_there(wanted)) or (NEVER_RUN,)
    return Step(job, "runs", reasons, wanted=wanted, notes=notes)


def only_until(todo: list[StageJob], until: str | None) -> list[StageJob]:
    """Return the jobs up to a stage. Raises UsageError for a stage that is not among them."""
    if until is None:
        return todo
    names = [job.stage for job in todo]
    if until not in names:
        raise UsageError(f"--until {until}: not a stage of this recipe ({', '.join(names)})")
    return todo[: names.index(until) + 1]


def _not_taken_up(path: Path, differences: tuple[str, ...], run: Path) -> str:
    differ = "; ".join(differences) or "it was begun by an earlier version of Hanhua, which noted no settings"
    return (
        f"{path} is unfinished work of other settings and is not taken up ({differ}); "
        f"put them back to go on with it, or remove it with: hanhua clean {run}"
    )
