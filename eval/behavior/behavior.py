"""Does it answer Chinese in Chinese and Traditional in Traditional, and does it stop? Rates over replies. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hanhua.eval.behavior.prompts import Prompt, read_prompts
from hanhua.eval.behavior.replies import loops, reply_language, script_changed
from hanhua.eval.comparison.intervals import wilson

SHIPPED = Path(__file__).with_name("prompts.jsonl")
RATES = ("not_chinese", "script_changed", "loops", "never_stops")


@dataclass(frozen=True)
class Observed:
    """One reply as observed; `script_changed` is None where prompt or reply is in neither script alone."""

    id: str
    category: str
    language: str
    not_chinese: bool
    script_changed: bool | None
    loops: bool
    never_stops: bool
    characters: int


def read_behavior_prompts(path: str | None) -> list[Prompt]:
    """Read prompts {prompt, category}, in Chinese; the shipped ones when no file is named."""
    return read_prompts(path or SHIPPED, benign_only=True)


def observe(prompts: Sequence[Prompt], replies: Sequence[str], finished: Sequence[bool]) -> list[Observed]:
    """Observe each reply. An empty one is in no language, so it is not Chinese."""
    observed = []
    for prompt, reply, done in zip(prompts, replies, finished, strict=True):
        language = reply_language(reply)
        observed.append(
            Observed(
                id=prompt.id,
                category=prompt.category,
                language=language,
                not_chinese=language not in ("zh", "mixed"),
                script_changed=script_changed(prompt.text, reply),
                loops=loops(reply),
                never_stops=not done,
                characters=len(reply),
            )
        )
    return observed


def summarise_observed(observed: Sequence[Observed]) -> dict[str, Any]:
    """Return each rate with its Wilson interval, over all prompts and by category."""
    categories = sorted({one.category for one in observed})
    return {
        **_rates(observed),
        "by_category": {name: _rates([one for one in observed if one.category == name]) for name in categories},
    }


def observed_rows(observed: Sequence[Observed]) -> list[dict[str, Any]]:
    """Return observations as JSON data."""
    return [asdict(one) for one in observed]


def _rates(observed: Sequence[Observed]) -> dict[str, Any]:
    found: dict[str, Any] = {"prompts": len(observed)}
    for name in RATES:
        known = [value for one in observed if (value := getattr(one, name)) is not None]
        hits = sum(known)
        found[name] = hits / len(known) if known else None
        found[f"{name}_interval"] = list(wilson(hits, len(known)))
        found[f"{name}_of"] = len(known)
    return found
