"""Folders that commands write: new ones, never over what is there."""

from __future__ import annotations

from pathlib import Path


def require_new(out: Path) -> None:
    """Raise InputError unless `out` is absent or an empty folder."""
    from hanhua.errors import InputError

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not empty; name a new folder, or remove it first")
