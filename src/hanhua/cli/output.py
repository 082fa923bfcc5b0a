"""Folders that commands write: new ones, never over what is there, finished as the artifacts of a run are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def require_new(out: Path) -> None:
    """Raise InputError unless `out` is absent or an empty folder."""
    from hanhua.errors import InputError

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not empty; name a new folder, or remove it first")


def require_unfinished(out: Path, *, what: str) -> None:
    """Raise UsageError where a folder holds a finished artifact already; unfinished work there is gone on with."""
    from hanhua.artifacts.manifest import MANIFEST
    from hanhua.errors import UsageError

    if (out / MANIFEST).is_file():
        raise UsageError(f"{out}: holds a finished {what}; choose another --out, or remove it")
    out.mkdir(parents=True, exist_ok=True)


def finish(stage: str, folder: Path, *, config: Any, inputs: Mapping[str, str], facts: Mapping[str, Any]) -> None:
    """Finish what a stage has written into a folder of the user's: scratch removed, manifest last."""
    from hanhua.artifacts.identity import record_of
    from hanhua.artifacts.store import finish_artifact
    from hanhua.pipeline.stages import stage_named

    declared = stage_named(stage)
    record = record_of(declared.function, declared.libraries)
    finish_artifact(folder, kind=declared.makes, config=config, inputs=inputs, facts=facts, record=record)
