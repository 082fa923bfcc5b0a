"""Runs the stages of a recipe in order, never one twice: what is finished and unchanged is reused."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.fingerprint import canonical
from hanhua.artifacts.manifest import Artifact
from hanhua.artifacts.store import Store
from hanhua.config_fields import published
from hanhua.errors import GateError, HanhuaError, UsageError
from hanhua.figures.scores_file import read_scores
from hanhua.launched import process_count, rank
from hanhua.pipeline.disk_space import full_disk_message, is_full, lacking_space
from hanhua.pipeline.distributed import TRAINING, refuse_several, train_beside
from hanhua.pipeline.jobs import StageJob, call, jobs
from hanhua.pipeline.lock_file import pinned, write_lock
from hanhua.pipeline.plan_steps import NEVER_RUN, Step, next_step, only_until, plan
from hanhua.pipeline.recipe.load import LoadedRecipe
from hanhua.pipeline.recipe.pins import Resolve, ask_hub
from hanhua.pipeline.stages import comes_before
from hanhua.pipeline.teacher_at_hand import require_teacher_before
from hanhua.progress import also_log_to, duration, say


@dataclass
class RunResult:
    """The artifacts of a run by stage, and what had to be made for it."""

    root: Path
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(
    loaded: LoadedRecipe,
    *,
    runs: Path,
    until: str | None = None,
    from_: str | None = None,
    strict: bool = False,
    resolve: Resolve = ask_hub,
) -> RunResult:
    """Run a recipe to its end.

    What it takes from the Hub is pinned to commits first, by the run's own lock file where that knows them.
    from_: stages before it must be finished for exactly this recipe, or UsageError lists the differences.
    strict: what was made with other code or libraries is made again; otherwise the difference is said.
    Launched as one of several processes it only trains, together with them; the first one keeps the run.
    """
    began = time.monotonic()
    if rank():
        train_beside(loaded, runs=runs)
        return RunResult(runs / loaded.recipe.name)
    store = Store(runs / loaded.recipe.name)
    result = RunResult(store.root)
    todo = only_until(jobs(loaded.recipe), until)
    if from_ is not None and from_ not in [job.stage for job in todo]:
        raise UsageError(f"--from {from_}: not a stage of this run ({', '.join(job.stage for job in todo)})")
    with store.locked(), also_log_to(store.root / "run.log"):
        loaded, pins = pinned(loaded, store.root, resolve=resolve)
        write_lock(store.root, loaded, {}, pins=pins, hashes=store.hashes)
        todo = only_until(jobs(loaded.recipe), until)
        steps = plan(loaded, runs=runs, until=until)
        if warning := lacking_space(loaded.recipe, steps, store.root):
            say(warning)
        if any(step.stage == "synthesis" and step.state != "cached" for step in steps):
            require_teacher_before(loaded.recipe, store.root)
        for number, job in enumerate(todo, 1):
            step = next_step(job, result.artifacts, store, strict=strict)
            label = f"[{number}/{len(todo)}] {job.stage}"
            if step.state != "cached":
                _check_may_run(step, from_)
                _remember(store, loaded, result, making=True)
            result.artifacts[job.stage] = _take_or_make(step, result, store, label)
            _remember(store, loaded, result)
            write_lock(store.root, loaded, result.artifacts, pins=pins, hashes=store.hashes)
    result.seconds = time.monotonic() - began
    return result


def check_gates(artifacts: Mapping[str, Artifact]) -> None:
    """Raise GateError when the evaluation found a gate of the recipe unmet."""
    if "eval" not in artifacts:
        return
    unmet = [gate for gate in read_scores(artifacts["eval"]).get("gates", []) if not gate["met"]]
    if unmet:
        lines = [f"{gate['name']}: limit {gate['limit']}, found {gate['value']}" for gate in unmet]
        raise GateError("evaluation gates not met (everything is kept): " + "; ".join(lines))


def _check_may_run(step: Step, from_: str | None) -> None:
    if process_count() > 1 and comes_before(step.stage, TRAINING):
        refuse_several(step.stage)
    if from_ is not None and comes_before(step.stage, from_):
        lines = "\n  ".join(step.reasons)
        raise UsageError(
            f"--from {from_}: {step.stage} is not finished for this recipe:\n  {lines}\n"
            "put the setting back, or run without --from"
        )


def _take_or_make(step: Step, result: RunResult, store: Store, label: str) -> Artifact:
    if step.state == "cached":
        assert step.artifact is not None
        say(f"{label}: already done")
        if step.drift:
            say(f"{label}: made with other code or libraries, and reused ({'; '.join(step.drift)}); --strict redoes it")
        return step.artifact
    for note in step.notes:
        say(f"{label}: {note}")
    artifact = _make(step, result.artifacts, store, label)
    result.made.append(step.stage)
    return artifact


def _make(step: Step, artifacts: Mapping[str, Artifact], store: Store, label: str) -> Artifact:
    assert step.wanted is not None
    job = step.job
    if step.state == "resumes":
        say(f"{label}: goes on where it stopped")
        if step.drift:
            say(f"{label}: begun with other code or libraries ({'; '.join(step.drift)}); --strict begins anew")
    else:
        say(f"{label}: starts" if step.reasons == (NEVER_RUN,) else f"{label}: {'; '.join(step.reasons)}")
        store.set_aside(step.wanted)
    began = time.monotonic()
    artifact = store.make(
        step.wanted,
        config=published(job.config, canonical(job.config)),
        inputs={name: artifacts[stage].content_hash for name, stage in job.inputs.items()},
        build=lambda out: _call_and_log(job, artifacts, out),
    )
    say(f"{label}: done in {duration(time.monotonic() - began)}")
    return artifact


def _call_and_log(job: StageJob, artifacts: Mapping[str, Artifact], out: Path) -> Mapping[str, Any]:
    """Run the stage; what it fails with is kept in its log with the whole traceback."""
    try:
        return call(job, artifacts, out)
    except Exception as error:
        with suppress(OSError), (out / "logs" / "stage.log").open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        if is_full(error):
            raise HanhuaError(full_disk_message(error, out)) from error
        raise


def _remember(store: Store, loaded: LoadedRecipe, result: RunResult, *, making: bool = False) -> None:
    """Keep which artifacts are this run's, for `status`, `report` and `publish`.

    Stages not reached keep theirs as long as nothing before them has changed. making: the next one is about to be made.
    """
    now = {stage: artifact.path.name for stage, artifact in result.artifacts.items()}
    path = store.root / "run.json"
    before: dict[str, str] = read_json(path)["artifacts"] if path.is_file() else {}
    if not making and all(before.get(stage) == name for stage, name in now.items()):
        now = {**before, **now}
    write_json(
        path,
        {
            "recipe": loaded.recipe.published(),
            "stages": [job.stage for job in jobs(loaded.recipe)],
            "artifacts": now,
        },
    )
