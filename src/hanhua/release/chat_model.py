"""What makes a release a chat model: where its tuning came from, at which scale, and its template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.artifacts.manifest import Artifact
from hanhua.hub_names import is_hub_id
from hanhua.release.job import last_part, without_revision

TEMPLATE = "chat_template.jinja"


@dataclass(frozen=True)
class Restored:
    """A chat vector that was added. instruct: a Hub id or a folder's name; scales: λ of single groups of weights."""

    instruct: str
    scale: float
    scales: Mapping[str, float] = field(default_factory=dict)
    new_rows: str = "mean"
    repaired_special_rows: bool = False

    @property
    def lambdas(self) -> str:
        """All λ as a card writes them.

        >>> Restored("instruct", 0.5, {"head": 1.0}).lambdas
        '0.5 (head 1)'
        """
        groups = ", ".join(f"{group} {scale:g}" for group, scale in sorted(self.scales.items()))
        return f"{self.scale:g}" + (f" ({groups})" if groups else "")


def restored_of(inputs: Mapping[str, Artifact]) -> Restored | None:
    """Return how a run's restored model was made, out of its manifest; None where there is none."""
    if "restored" not in inputs:
        return None
    config: Mapping[str, Any] = inputs["restored"].config
    named = without_revision(str(config.get("instruct", "")))
    return Restored(
        instruct=named if is_hub_id(named) and not Path(named).exists() else last_part(named),
        scale=float(config.get("scale", 1.0)),
        scales=dict(config.get("scales") or {}),
        new_rows=str(config.get("new_rows", "mean")),
        repaired_special_rows=bool(config.get("repair_special_rows", False)),
    )


def template_of(folder: Path) -> str | None:
    """Return a folder's chat template, the one named `default` where there are several; None without any."""
    if (folder / TEMPLATE).is_file():
        return (folder / TEMPLATE).read_text(encoding="utf-8")
    path = folder / "tokenizer_config.json"
    found = read_json(path).get("chat_template") if path.is_file() else None
    if isinstance(found, list):
        found = next((entry.get("template") for entry in found if entry.get("name") == "default"), None)
    return found or None
