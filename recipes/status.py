"""What a run has on disk: which stages are finished, which are begun, what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.artifacts.kinds import STAGES, Stage
from hanhua.artifacts.manifest import MANIFEST, Artifact, open_artifact
from hanhua.errors import InputError


@dataclass(frozen=True)
class StageStatus:
    """One stage of a run: `done`, `begun` or `to do`; folder and seconds where there are any."""

    stage: Stage
    state: str
    folder: str = ""
    seconds: float | None = None


def read_run(run: Path) -> dict[str, Any]:
    """Return `run.json`; InputError when the folder is not a run's."""
    if not (run / "run.json").is_file():
        raise InputError(f"{run}: not a run (no run.json); give a folder such as runs/NAME")
    data: dict[str, Any] = read_json(run / "run.json")
    return data


def latest_artifacts(run: Path) -> dict[Stage, Path]:
    """Return the folders of a run's finished artifacts, by stage, as its last command left them."""
    named = read_run(run)["artifacts"]
    folders = {stage: run / stage / named[stage] for stage in STAGES if stage in named}
    return {stage: folder for stage, folder in folders.items() if (folder / MANIFEST).is_file()}


def open_latest(run: Path) -> dict[Stage, Artifact]:
    """Return a run's finished artifacts, opened."""
    return {stage: open_artifact(folder) for stage, folder in latest_artifacts(run).items()}


def stage_statuses(run: Path) -> list[StageStatus]:
    """Return the state of every stage of a run."""
    done = latest_artifacts(run)
    statuses = []
    for stage in read_run(run)["stages"]:
        if stage in done:
            costs = done[stage] / "logs" / "stage.json"
            seconds = read_json(costs)["seconds"] if costs.is_file() else None
            statuses.append(StageStatus(stage, "done", str(done[stage]), seconds))
        else:
            begun = sorted((run / stage).glob("*.partial"))
            statuses.append(StageStatus(stage, "begun" if begun else "to do", str(begun[-1]) if begun else ""))
    return statuses
