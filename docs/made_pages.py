"""Pages of the docs that a script makes: written anew, or with `--check` named where they are stale."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def write_or_check(pages: Mapping[Path, str], *, command: str) -> None:
    """Write the pages that differ from what lies there; with `--check` exit with their names instead."""
    stale = {
        path: text for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    if "--check" in sys.argv[1:] and stale:
        root = Path(__file__).parents[1]
        names = ", ".join(path.relative_to(root).as_posix() for path in stale)
        sys.exit(f"stale: {names}; remake with: {command}")
    if "--check" not in sys.argv[1:]:
        for path, text in stale.items():
            path.write_text(text, encoding="utf-8")
