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
from hanhua.errors import InputError
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
    """Return the state of every stage of a run."""
    done, running = latest_artifacts(run), is_running(run)
    statuses = []
    for stage in read_run(run)["stages"]:
        if stage in done:
            costs = done[stage] / "logs" / "stage.json"
            seconds = read_json(costs)["seconds"] if costs.is_file() else None
            statuses.append(
                StageStatus(stage, "done", str(done[stage]), seconds, drift=drift_of(run, stage, done[stage]))
            )
            continue
        begun = sorted((run / stage).glob(f"*{PARTIAL}"), key=lambda path: path.stat().st_mtime_ns)
        state = ("running" if running else "stopped") if begun else "to do"
        folder = begun[-1] if begun else None
        statuses.append(StageStatus(stage, state, str(folder or ""), says=last_log_line(folder) if folder else ""))
    return statuses


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
