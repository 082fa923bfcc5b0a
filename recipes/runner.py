"""Runs the stages of a recipe in order, never one twice: what is finished and unchanged is reused."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.kinds import STAGES, Stage
from hanhua.artifacts.manifest import Artifact, library_versions
from hanhua.artifacts.store import Store
from hanhua.errors import GateError, UsageError
from hanhua.progress import also_log_to, duration, say
from hanhua.recipes.load import LoadedRecipe
from hanhua.recipes.pins import Resolve, ask_hub
from hanhua.recipes.provenance import pinned, write_lock
from hanhua.recipes.side_by_side import TRAINING, is_one_of_several, rank, refuse_several, train_beside
from hanhua.recipes.wiring import StageJob, call, jobs, key_material, without_folders

NEVER_RUN = "not run yet"
State = Literal["cached", "resumes", "runs", "waits"]


@dataclass(frozen=True)
class Step:
    """One stage of a plan. reasons: why it is not cached; empty when it is."""

    job: StageJob
    state: State
    reasons: tuple[str, ...] = ()
    artifact: Artifact | None = None

    @property
    def stage(self) -> Stage:
        """The stage's name."""
        return self.job.stage


@dataclass
class RunResult:
    """The artifacts of a run, and what had to be made for it."""

    root: Path
    artifacts: dict[Stage, Artifact] = field(default_factory=dict)
    made: list[Stage] = field(default_factory=list)
    seconds: float = 0.0


def plan(loaded: LoadedRecipe, *, runs: Path, until: Stage | None = None) -> list[Step]:
    """Say for every stage whether it is cached and, if not, why; run nothing."""
    store = Store(runs / loaded.recipe.name)
    loaded, _ = pinned(loaded, store.root, resolve=None)
    artifacts: dict[Stage, Artifact] = {}
    steps: list[Step] = []
    for job in _until(jobs(loaded.recipe), until):
        step = _next_step(job, artifacts, store)
        steps.append(step)
        if step.artifact is not None:
            artifacts[job.stage] = step.artifact
    return steps


def run(
    loaded: LoadedRecipe,
    *,
    runs: Path,
    until: Stage | None = None,
    from_: Stage | None = None,
    resolve: Resolve = ask_hub,
) -> RunResult:
    """Run a recipe to its end.

    What it takes from the Hub is pinned to commits first, by the run's own lock file where that knows them.
    from_: stages before it must be finished for exactly this recipe, or UsageError lists the differences.
    Launched as one of several processes it only trains, together with them; the first one keeps the run.
    Raises GateError at the very end when an evaluation gate is not met; everything is kept.
    """
    began = time.monotonic()
    if rank():
        train_beside(loaded, runs=runs)
        return RunResult(runs / loaded.recipe.name)
    store = Store(runs / loaded.recipe.name)
    result = RunResult(store.root)
    todo = _until(jobs(loaded.recipe), until)
    if from_ is not None and from_ not in [job.stage for job in todo]:
        raise UsageError(f"--from {from_}: not a stage of this run ({', '.join(job.stage for job in todo)})")
    with store.locked(), also_log_to(store.root / "run.log"):
        loaded, pins = pinned(loaded, store.root, resolve=resolve)
        todo = _until(jobs(loaded.recipe), until)
        write_lock(store.root, loaded, {}, pins=pins, hashes=store.hashes)
        for number, job in enumerate(todo, 1):
            step = _next_step(job, result.artifacts, store)
            label = f"[{number}/{len(todo)}] {job.stage}"
            if step.artifact is not None:
                say(f"{label}: already done")
                result.artifacts[job.stage] = step.artifact
            else:
                if is_one_of_several() and STAGES.index(job.stage) < STAGES.index(TRAINING):
                    refuse_several(job.stage)
                if from_ is not None and STAGES.index(job.stage) < STAGES.index(from_):
                    raise UsageError(_drifted(step, from_))
                _remember(store, loaded, result, making=True)
                result.artifacts[job.stage] = _make(job, result.artifacts, store, label, step)
                result.made.append(job.stage)
            _remember(store, loaded, result)
            write_lock(store.root, loaded, result.artifacts, pins=pins, hashes=store.hashes)
    result.seconds = time.monotonic() - began
    return result


def check_gates(artifacts: Mapping[Stage, Artifact]) -> None:
    """Raise GateError when the evaluation found a gate of the recipe unmet."""
    if "eval" not in artifacts:
        return
    scores = read_json(artifacts["eval"].path / "scores.json")
    unmet = [gate for gate in scores.get("gates", []) if not gate["met"]]
    if unmet:
        lines = [f"{gate['name']}: limit {gate['limit']}, found {gate['value']}" for gate in unmet]
        raise GateError("evaluation gates not met (everything is kept): " + "; ".join(lines))


def _next_step(job: StageJob, artifacts: Mapping[Stage, Artifact], store: Store) -> Step:
    missing = {stage for stage in job.inputs.values() if stage not in artifacts}
    if missing:
        return Step(job, "waits", (f"for {', '.join(stage for stage in STAGES if stage in missing)}",))
    material = key_material(job, artifacts, store.hashes)
    found = store.find(job.stage, material)
    if found is not None:
        return Step(job, "cached", artifact=found)
    reasons = store.drift(job.stage, material) or [NEVER_RUN]
    if store.is_begun(job.stage, material):
        return Step(job, "resumes", ("begun and not finished",))
    return Step(job, "runs", tuple(reasons))


def _make(job: StageJob, artifacts: Mapping[Stage, Artifact], store: Store, label: str, step: Step) -> Artifact:
    if step.state == "resumes":
        say(f"{label}: goes on where it stopped")
    else:
        say(f"{label}: starts" if step.reasons == (NEVER_RUN,) else f"{label}: {'; '.join(step.reasons)}")
    began = time.monotonic()
    artifact = store.make(
        job.stage,
        material=key_material(job, artifacts, store.hashes),
        config=without_absolute_paths(job),
        inputs={name: artifacts[stage].content_hash for name, stage in job.inputs.items()},
        versions=library_versions(("hanhua", *job.libraries)),
        build=lambda out: _call_and_log(job, artifacts, out),
    )
    say(f"{label}: done in {duration(time.monotonic() - began)}")
    return artifact


def _call_and_log(job: StageJob, artifacts: Mapping[Stage, Artifact], out: Path) -> Mapping[str, Any]:
    """Run the stage; what it fails with is kept in its log with the whole traceback."""
    try:
        return call(job, artifacts, out)
    except Exception:
        with (out / "logs" / "stage.log").open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        raise


def without_absolute_paths(job: StageJob) -> Any:
    """Return a stage's config for its manifest, local paths cut to file names."""
    from hanhua.artifacts.fingerprint import canonical

    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: cut(item) for key, item in value.items()}
        if isinstance(value, list):
            return [cut(item) for item in value]
        return Path(value).name if isinstance(value, str) and value.startswith("/") else value

    return cut(canonical(job.config))


def _drifted(step: Step, from_: Stage) -> str:
    lines = "\n  ".join(step.reasons)
    return (
        f"--from {from_}: {step.stage} is not finished for this recipe:\n  {lines}\n"
        "put the setting back, or run without --from"
    )


def _until(todo: list[StageJob], until: Stage | None) -> list[StageJob]:
    if until is None:
        return todo
    names = [job.stage for job in todo]
    if until not in names:
        raise UsageError(f"--until {until}: not a stage of this recipe ({', '.join(names)})")
    return todo[: names.index(until) + 1]


def _remember(store: Store, loaded: LoadedRecipe, result: RunResult, *, making: bool = False) -> None:
    """Keep which artifacts are this run's, for `status`, `report` and `publish`.

    Stages not reached keep theirs as long as nothing before them has changed. making: the next one is about to be made.
    """
    now = {str(stage): artifact.path.name for stage, artifact in result.artifacts.items()}
    path = store.root / "run.json"
    before: dict[str, str] = read_json(path)["artifacts"] if path.is_file() else {}
    if not making and all(before.get(stage) == name for stage, name in now.items()):
        now = {**before, **now}
    write_json(
        path,
        {
            "recipe": without_folders(loaded.recipe),
            "stages": [job.stage for job in jobs(loaded.recipe)],
            "artifacts": now,
        },
    )
