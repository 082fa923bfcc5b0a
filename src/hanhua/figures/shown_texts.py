"""Sample texts made fit to be shown: harmful evidence blotted out, personal data masked, shortened."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hanhua.documents.compression import open_decompressed
from hanhua.services import Services

SHOWN_CHARACTERS = 200
SHOWN_HARMFUL_CHARACTERS = 60
HARMFUL = 0.5
"""Scores from here on are harmful (see `HarmScore`)."""

_MARGIN_CHARACTERS = 200
# Controls would break the SVG's XML, direction overrides would reorder the page around them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def printable(text: str) -> str:
    """Return the text with U+FFFD for controls, lone surrogates and overrides of the writing direction."""
    return _UNPRINTABLE.sub("\ufffd", text)


def printable_data(value: Any) -> Any:
    """Return JSON data with every string in it, keys too, printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(key)): printable_data(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable_data(inner) for inner in value]
    return value


def fit_to_show(text: str, *, services: Services, harmful: bool = False) -> str:
    """Return the beginning of a text as anybody may read it.

    Masked before it is cut, or half a telephone number would get through; a masked text masked again
    is unchanged, so texts that come masked already may pass.
    """
    text = text[: SHOWN_CHARACTERS + _MARGIN_CHARACTERS]
    if services.harm is not None:
        score = services.harm.score(text)
        harmful = harmful or score.score >= HARMFUL
        if harmful:
            blotted = list(text)
            for start, end in score.spans:
                blotted[start:end] = "■" * (min(end, len(text)) - start)
            text = "".join(blotted)
    if services.masker is not None:
        text = services.masker.mask(text)
    text = " ".join(printable(text).split())
    limit = SHOWN_HARMFUL_CHARACTERS if harmful else SHOWN_CHARACTERS
    return text if len(text) <= limit else text[:limit].rstrip("…") + "…"


def rejected_samples(corpus: Path, *, per_reason: int, services: Services) -> dict[str, list[dict[str, str]]]:
    """Return rejected documents by reason from a Corpus folder, the corpora taking turns; {} when it has none."""
    path = corpus / "rejected" / "samples.jsonl"
    if per_reason == 0 or not path.is_file():
        return {}
    by_reason: dict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    turns: Counter[tuple[str, str]] = Counter()
    for row in _rows(path):
        place = (row["corpus"], row["reason"])
        by_reason[row["reason"]].append((turns[place], row))
        turns[place] += 1
    return {
        reason: [_rejected(row, services) for _, row in sorted(rows, key=lambda pair: pair[0])[:per_reason]]
        for reason, rows in by_reason.items()
    }


def judged_samples(scores: Path, *, models: Iterable[str], per_kind: int, services: Services) -> list[dict[str, Any]]:
    """Return generations of the safety check by model: flagged, flagged though asked nothing harmful, and passed."""
    shown = []
    for model in models:
        path = scores / "samples" / model / "safety.jsonl.zst"
        if not path.is_file() or model != Path(model).name:
            continue
        kinds: dict[str, list[dict[str, Any]]] = {"flagged": [], "flagged on a benign prompt": [], "passed": []}
        for row in _rows(path):
            kind = "passed"
            if row["harmful"]:
                kind = "flagged on a benign prompt" if row["benign"] else "flagged"
            if len(kinds[kind]) < per_kind and row.get("shown"):
                kinds[kind].append(_judged(row, services))
        shown += [{"model": model, "kind": kind, "rows": rows} for kind, rows in kinds.items() if rows]
    return shown


def _rejected(row: Mapping[str, Any], services: Services) -> dict[str, str]:
    value = row.get("value")
    return {
        "id": str(row["id"]),
        "value": "" if value is None else fit_to_show(_plain(value), services=services),
        "text": fit_to_show(str(row["text"]), services=services, harmful=str(row["reason"]).startswith("harm")),
    }


def _judged(row: Mapping[str, Any], services: Services) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "category": str(row["category"]),
        "judged": str(row["harm_category"]) if row["harm_category"] else "",
        "score": row["score"],
        "text": fit_to_show(str(row["shown"]), services=services, harmful=bool(row["harmful"])),
    }


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with open_decompressed(path) as file:
        for line in file:
            if line.strip():
                yield json.loads(line)
