"""Folders in a run's folder that it does not use: artifacts of other settings, unfinished and replaced ones."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from hanhua.artifacts.files import files_below
from hanhua.artifacts.manifest import MANIFEST
from hanhua.artifacts.store import PARTIAL, REPLACED, Store
from hanhua.pipeline.stages import stage_names
from hanhua.pipeline.status import latest_artifacts
from hanhua.renamed import SECTIONS


@dataclass(frozen=True)
class Orphan:
    """A folder of a stage that the run does not use. what: unfinished, replaced, or of other settings."""

    stage: str
    path: Path
    what: str
    size_bytes: int


def find_orphans(run: Path) -> list[Orphan]:
    """Return what the run's last command did not use, by stage, including unfinished work that it would resume.

    Raises InputError for a folder that is no run's.
    """
    used = {folder.resolve() for folder in latest_artifacts(run).values()}
    found = []
    for stage in (*stage_names(), *SECTIONS):
        for folder in sorted(path for path in (run / stage).glob("*") if path.is_dir()):
            if folder.resolve() not in used:
                size = sum(path.stat().st_size for path in files_below(folder))
                found.append(Orphan(stage, folder, _what(folder), size))
    return found


def remove_orphans(run: Path, orphans: list[Orphan]) -> None:
    """Delete them, if no other process is working in the run."""
    with Store(run).locked():
        for orphan in orphans:
            shutil.rmtree(orphan.path)


def _what(folder: Path) -> str:
    if folder.name.endswith(PARTIAL):
        return "unfinished"
    if REPLACED in folder.name:
        return "replaced"
    return "of other settings" if (folder / MANIFEST).is_file() else "not an artifact"
