"""The runs below a folder, from few small files each, so that a thousand are listed in under a second."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.artifacts.manifest import MANIFEST
from hanhua.artifacts.store import PARTIAL
from hanhua.errors import HanhuaError, InputError
from hanhua.view.held_locks import HeldLocks

NOTE = "run.json"


@dataclass(frozen=True)
class RunRow:
    """One run of the list. state: running, done or stopped. written: when it last wrote, in seconds since 1970."""

    name: str
    state: str
    done: int
    stages: int
    base: str
    written: float


@dataclass(frozen=True)
class RunNote:
    """What `run.json` says: the recipe, the stages in order, and the folder of each finished one."""

    recipe: dict[str, Any]
    stages: tuple[str, ...]
    folders: dict[str, Path]


class RunList:
    """Lists the runs below `folder`; a `run.json` is read again only when it changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._notes: dict[str, tuple[tuple[int, int], RunNote]] = {}

    def rows(self) -> list[RunRow]:
        """Return every run, the one that wrote last first. Folders without a readable `run.json` are none."""
        locks = HeldLocks.now()
        found = []
        for name in _folders_in(self.folder):
            try:
                found.append(self._row(name, locks))
            except (HanhuaError, OSError):
                continue  # no run, or one that is being removed
        return sorted(found, key=lambda row: (-row.written, row.name))

    def root(self, name: str) -> Path:
        """Return a run's folder. Raises InputError for a name that is no run's directly below the folder."""
        root = self.folder / name
        if name in ("", ".", "..") or Path(name).name != name or "\\" in name or not (root / NOTE).is_file():
            raise InputError(f"{name}: no such run in {self.folder}")
        return root

    def note(self, name: str) -> RunNote:
        """Return what a run's `run.json` says. Raises InputError where there is none that can be read."""
        root = self.root(name)
        stat = (root / NOTE).stat()
        version = (stat.st_mtime_ns, stat.st_size)
        known = self._notes.get(name)
        if known is None or known[0] != version:
            known = self._notes[name] = (version, _read_note(root))
        return known[1]

    def _row(self, name: str, locks: HeldLocks) -> RunRow:
        root, note = self.root(name), self.note(name)
        done = len(finished(note))
        state = "running" if locks.hold(root / ".lock") else "done" if done == len(note.stages) else "stopped"
        base = note.recipe.get("base")
        return RunRow(name, state, done, len(note.stages), _base_name(base), last_written(root))


def finished(note: RunNote) -> dict[str, Path]:
    """Return the folders of a run's finished artifacts by stage, in running order."""
    return {
        stage: note.folders[stage] for stage in note.stages if (note.folders.get(stage, Path()) / MANIFEST).is_file()
    }


def unfinished(root: Path, stage: str) -> Path | None:
    """Return the folder of a stage's unfinished work that was touched last."""
    folders = sorted((root / stage).glob(f"*{PARTIAL}"), key=lambda path: path.stat().st_mtime_ns)
    return folders[-1] if folders else None


def last_written(root: Path) -> float:
    """Return when a run last said something, by its log; by `run.json` where it has none."""
    log = root / "run.log"
    return (log if log.is_file() else root / NOTE).stat().st_mtime


def ago(written: float) -> float:
    """Return the seconds since; not below 0, for clocks of other machines may be ahead."""
    return max(0.0, time.time() - written)


def _folders_in(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _read_note(root: Path) -> RunNote:
    data = read_json(root / NOTE)
    try:
        folders = {stage: root / stage / Path(name).name for stage, name in data["artifacts"].items()}
        return RunNote(dict(data["recipe"]), tuple(Path(stage).name for stage in data["stages"]), folders)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{root / NOTE}: not what a run writes ({error!r})") from error


def _base_name(base: Any) -> str:
    if not isinstance(base, dict):
        return ""
    if base.get("model"):
        return Path(str(base["model"])).name if str(base["model"]).startswith("/") else str(base["model"])
    return "toy" if base.get("toy") else str(base.get("tokenizer") or "")
