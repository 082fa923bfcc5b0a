"""`scores.json` of an evaluation: where it is read, whichever version wrote it."""

from __future__ import annotations

from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.artifacts.manifest import Artifact

FILE = "scores.json"
_EARLIER = {
    "stand_in": "toy",
    "language_modelling": "language_modeling",
    "behaviour": "behavior",
    "cut_prompts": "truncated_prompts",
}


def read_scores(artifact: Artifact) -> dict[str, Any]:
    """Return the scores of an artifact of kind `scores`, every measure by its present name."""
    scores: dict[str, Any] = _as_today(read_json(artifact.path / FILE))
    return scores


def _as_today(data: Any) -> Any:
    if isinstance(data, dict):
        return {_EARLIER.get(key, key): _as_today(value) for key, value in data.items()}
    return [_as_today(value) for value in data] if isinstance(data, list) else data
