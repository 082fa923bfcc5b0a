"""One run as it is now: each stage's state, and how training goes. Only reads; `hanhua status` also compares hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hanhua.artifacts.files import read_json
from hanhua.errors import HanhuaError
from hanhua.pipeline.status import last_log_line
from hanhua.view.held_locks import HeldLocks
from hanhua.view.run_list import RunList, RunNote, ago, finished, last_written, unfinished
from hanhua.view.training_log import GrowingLog, TrainingState, training_state

TAIL_BYTES = 1 << 16
LOG_LINES = 12
TRAINING = "continued_pretrain"
_SAID = re.compile(r"^.{19} \[(\d+)/\d+\] (\w+): (.*)$")
_COUNT = re.compile(r"([\d,]+)/([\d,]+) tokens")


@dataclass(frozen=True)
class StageRow:
    """One stage. state: done, cached (done before the last command), running, stopped or waiting.

    says: the last line of its log, while it is unfinished.
    """

    stage: str
    state: str
    seconds: float | None = None
    says: str = ""


@dataclass(frozen=True)
class RunState:
    """One run. silent_seconds: since its log was last written to. lines: the end of its log."""

    name: str
    state: str
    silent_seconds: float
    stages: tuple[StageRow, ...]
    training: TrainingState | None
    lines: tuple[str, ...]


class RunWatch:
    """Tells the state of runs again and again; keeps what it has read of each training log."""

    def __init__(self, runs: RunList) -> None:
        self.runs = runs
        self._logs: dict[Path, GrowingLog] = {}

    def state(self, name: str) -> RunState:
        """Return a run's state. Raises InputError for a name that is no run's."""
        root, note = self.runs.root(name), self.runs.note(name)
        running = HeldLocks.now().hold(root / ".lock")
        lines = _tail(root / "run.log")
        reused = _reused(lines)
        done = finished(note)
        stages = tuple(_stage(root, stage, done, running=running, reused=reused) for stage in note.stages)
        state = "running" if running else "done" if len(done) == len(note.stages) else "stopped"
        training = self._training(root, note, done, running=running)
        silent = ago(last_written(root))
        return RunState(name, state, silent, stages, training, tuple(line[20:] for line in lines[-LOG_LINES:]))

    def _training(self, root: Path, note: RunNote, done: dict[str, Path], *, running: bool) -> TrainingState | None:
        if TRAINING not in note.stages:
            return None
        begun = unfinished(root, TRAINING)
        folder = done.get(TRAINING) or begun
        if folder is None:
            return None
        path = folder / "logs" / "train.jsonl"
        log = self._logs.setdefault(path, GrowingLog(path))
        total = None if TRAINING in done else _total_tokens(folder, note)
        return training_state(log.read_on(), total_tokens=total, running=running)


def _stage(root: Path, stage: str, done: dict[str, Path], *, running: bool, reused: set[str]) -> StageRow:
    if stage in done:
        costs = done[stage] / "logs" / "stage.json"
        try:
            seconds = float(read_json(costs)["seconds"])
        except (HanhuaError, KeyError, TypeError, ValueError):
            seconds = None
        return StageRow(stage, "cached" if stage in reused else "done", seconds)
    begun = unfinished(root, stage)
    if begun is None:
        return StageRow(stage, "waiting")
    return StageRow(stage, "running" if running else "stopped", says=last_log_line(begun))


def _reused(lines: list[str]) -> set[str]:
    """Return the stages that the last command found already done, by what its log says since it began."""
    reused: set[str] = set()
    for line in lines:
        said = _SAID.match(line)
        if said is None:
            continue
        if said[1] == "1" and said[2] not in reused:
            reused.clear()
        if said[3] == "already done":
            reused.add(said[2])
        elif said[3].startswith("done in"):
            reused.discard(said[2])
    return reused


def _total_tokens(folder: Path, note: RunNote) -> int | None:
    """Return how many tokens will be trained on: by the progress in the log, or by the recipe until it says so."""
    for line in reversed(_tail(folder / "logs" / "stage.log")):
        if " step " in line and (count := _COUNT.search(line)):
            return int(count[2].replace(",", ""))
    asked = (note.recipe.get(TRAINING) or {}).get("max_tokens")
    return int(asked) if isinstance(asked, (int, float)) else None


def _tail(path: Path) -> list[str]:
    """Return the last lines of a log; [] where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return text.splitlines()
