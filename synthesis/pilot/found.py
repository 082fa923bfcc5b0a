"""The pilot a run's folder holds, if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json

PILOT = "pilot.json"
PAGE = "pilot.html"
FORESEEN = {
    "prompt_tokens": "tokens sent",
    "output_tokens": "tokens answered",
    "tokens": "tokens sent and answered",
    "good_tokens": "good tokens",
    "dollars": "dollars",
}
"""What of the data a run is planned by, as people read it."""


def read_pilot(folder: Path) -> dict[str, Any] | None:
    """Return what `pilot.json` of the stage's folder says, None where there is none."""
    path = folder / PILOT
    found: dict[str, Any] | None = read_json(path) if path.is_file() else None
    return found
