"""State of a run on disk: finished and started stages, and the time they took."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from hanhua.artifacts.files import read_json
from hanhua.artifacts.identity import record_of
from hanhua.artifacts.manifest import MANIFEST, Artifact, open_artifact
from hanhua.artifacts.store import PARTIAL, Store, run_lock
from hanhua.errors import HanhuaError, InputError
from hanhua.pipeline.lock_file import locked_recipe
from hanhua.pipeline.plan_steps import Step, plan
from hanhua.pipeline.stages import stage_named, stage_names


@dataclass(frozen=True)
class StageStatus:
    """One stage of a run: `done`, `running`, `stopped` or `to do`.

    says: the last line of its log. drift: how code and libraries differ from those it was made with.
    """

    stage: str
    state: str
    folder: str = ""
    seconds: float | None = None
    says: str = ""
    drift: tuple[str, ...] = ()


def read_run(run: Path) -> dict[str, Any]:
    """Return `run.json`; InputError when the folder is not a run's."""
    if not (run / "run.json").is_file():
        raise InputError(f"{run}: not a run (no run.json); give a folder such as runs/NAME")
    data: dict[str, Any] = read_json(run / "run.json")
    return data


def latest_artifacts(run: Path) -> dict[str, Path]:
    """Return the folders of a run's finished artifacts, by stage, as its last command left them."""
    named = read_run(run)["artifacts"]
    folders = {stage: run / stage / named[stage] for stage in stage_names() if stage in named}
    return {stage: folder for stage, folder in folders.items() if (folder / MANIFEST).is_file()}


def open_latest(run: Path) -> dict[str, Artifact]:
    """Return a run's finished artifacts, opened."""
    return {stage: open_artifact(folder) for stage, folder in latest_artifacts(run).items()}


def is_running(run: Path) -> bool:
    """Return whether a process is working in a run's folder."""
    lock = run_lock(run)
    if not Path(lock.lock_file).is_file():
        return False
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def stage_statuses(run: Path) -> list[StageStatus]:
    """Return the state of every stage of a run: what `hanhua plan` would say of its recipe, with the time it took."""
    steps = _planned(run)
    if steps is None:
        return _as_remembered(run)
    running, statuses = is_running(run), []
    for step in steps:
        if step.state == "cached" and step.artifact is not None:
            folder = step.artifact.path
            statuses.append(StageStatus(step.stage, "done", str(folder), _seconds(folder), drift=step.drift))
        else:
            statuses.append(_unfinished(run, step.stage, running, begun=step.state == "resumes"))
    return statuses


def _planned(run: Path) -> list[Step] | None:
    """Return what is to be done for the run's own recipe; None where that cannot be told (its texts are gone)."""
    try:
        loaded = locked_recipe(run)
        return plan(loaded, runs=run.parent) if loaded.recipe.name == run.resolve().name else None
    except (HanhuaError, OSError, ValueError):
        return None


def _as_remembered(run: Path) -> list[StageStatus]:
    """Return the states by what the run's last command made."""
    done, running = latest_artifacts(run), is_running(run)
    return [
        StageStatus(stage, "done", str(done[stage]), _seconds(done[stage]), drift=drift_of(run, stage, done[stage]))
        if stage in done
        else _unfinished(run, stage, running, begun=True)
        for stage in read_run(run)["stages"]
    ]


def _unfinished(run: Path, stage: str, running: bool, *, begun: bool) -> StageStatus:
    """Return the state of a stage that is not done. begun: whether unfinished work of it would be taken up."""
    folders = sorted((run / stage).glob(f"*{PARTIAL}"), key=lambda path: path.stat().st_mtime_ns) if begun else []
    if not folders:
        return StageStatus(stage, "to do")
    return StageStatus(stage, "running" if running else "stopped", str(folders[-1]), says=last_log_line(folders[-1]))


def _seconds(folder: Path) -> float | None:
    costs = folder / "logs" / "stage.json"
    return float(read_json(costs)["seconds"]) if costs.is_file() else None


def drift_of(run: Path, stage: str, folder: Path) -> tuple[str, ...]:
    """Return how code and libraries differ from those a finished artifact was made with."""
    declaration = stage_named(stage)
    now = record_of(declaration.function, declaration.libraries)
    return tuple(Store(run).record(open_artifact(folder)).drift_to(now))


def last_log_line(folder: Path) -> str:
    """Return the last line of an unfinished stage's log, without its time."""
    log = folder / "logs" / "stage.log"
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1][20:] if lines and len(lines[-1]) > 20 else ""
