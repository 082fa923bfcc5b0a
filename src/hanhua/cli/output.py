"""Output folders of commands: always new, never overwritten, finished like the artifacts of a run."""

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
    """Raise UsageError if a folder already holds a finished artifact; unfinished work there is resumed."""
    from hanhua.artifacts.manifest import MANIFEST
    from hanhua.errors import UsageError

    if (out / MANIFEST).is_file():
        further = f", or take it further into another --out with -s continue_from={out}" if what == "model" else ""
        raise UsageError(f"{out}: holds a finished {what}; choose another --out, or remove it{further}")
    out.mkdir(parents=True, exist_ok=True)


def finish(
    stage: str,
    folder: Path,
    *,
    config: Any,
    inputs: Mapping[str, str],
    facts: Mapping[str, Any],
    kind: str | None = None,
) -> None:
    """Finish a stage's output in a folder the user chose: scratch is removed, the manifest is written last.

    kind: of the artifact, where it is not what the stage makes in a run.
    """
    from hanhua.artifacts.identity import record_of
    from hanhua.artifacts.store import finish_artifact
    from hanhua.pipeline.stages import stage_named

    declared = stage_named(stage)
    record = record_of(declared.function, declared.libraries)
    finish_artifact(folder, kind=kind or declared.makes, config=config, inputs=inputs, facts=facts, record=record)
