"""An audit of the filter, as report and card show it: precision and recall judged by hand, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError

MEASURES = ("precision", "recall", "good_lost", "left")
FORMAT = 1


def read_audit(path: str | None) -> dict[str, Any] | None:
    """Return what an `audit.json` says, of a file or of the folder it is in; None for no path.

    Raises InputError for a file that is none, or of another version.
    """
    if path is None:
        return None
    file = Path(path) / "audit.json" if Path(path).is_dir() else Path(path)
    found = read_json(file)
    if not isinstance(found, dict) or found.get("format") != FORMAT or not {"judged", *MEASURES} <= found.keys():
        raise InputError(f"{file}: not what `hanhua filter audit` of this version writes; make it again")
    kept = ("documents", "rejected", "judged", "judges", *MEASURES, "reasons")
    return {key: found[key] for key in kept}


def audit_shares(audit: Mapping[str, Any]) -> dict[str, str]:
    """Return each measure as people read it, a dash for what could not be measured.

    >>> audit_shares({"recall": {"value": 0.5, "low": 0.25, "high": 0.75}})["recall"]
    '50.0% (25.0% to 75.0%)'
    """
    shown = {}
    for name in MEASURES:
        one = audit.get(name)
        shown[name] = "–" if one is None else f"{one['value']:.1%} ({one['low']:.1%} to {one['high']:.1%})"
    return shown
