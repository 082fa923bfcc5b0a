"""A few documents of every reason and corpus, and of what was kept, fit to be shown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hanhua.filtering.document import Verdict
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.normalize import clean
from hanhua.filtering.pii import mask_pii

SNIPPET_CHARACTERS = 200
HARMFUL_SNIPPET_CHARACTERS = 60
KEPT = "kept"


class Samples:
    """The first few documents of every reason and corpus."""

    def __init__(self, per_reason: int, rows: Iterable[dict[str, Any]] = ()) -> None:
        self._per_reason = per_reason
        self.rows = list(rows)
        self._taken = Counter((row["corpus"], row["reason"]) for row in self.rows)

    def wants(self, corpus: str, reason: str) -> bool:
        """Return whether another document of this kind would be shown."""
        return self._taken[corpus, reason] < self._per_reason

    def add(self, fields: Mapping[str, str], *, verdict: Verdict, text: str) -> None:
        """Keep a rejected document (of its fields `id`, `corpus`, `source`), unless there are enough of its kind."""
        corpus, reason = fields["corpus"], verdict.reason or KEPT
        if not self.wants(corpus, reason):
            return
        self._taken[corpus, reason] += 1
        shown = showable(text, harmful=reason.startswith("harm"))
        self.rows.append(
            {
                "id": fields["id"],
                "corpus": corpus,
                "source": fields.get("source", ""),
                "reason": reason,
                "value": verdict.value,
                "text": shown,
            }
        )

    def write(self, folder: Path, *, order: Iterable[str]) -> None:
        """Write `samples.jsonl` (rejected) and `kept.jsonl`: by corpus as given, by reason, in input order."""
        ranks = {corpus: rank for rank, corpus in enumerate(order)}
        rows = sorted(self.rows, key=lambda row: (ranks[row["corpus"]], row["reason"]))
        folder.mkdir(exist_ok=True)
        for name, wanted in (("samples.jsonl", False), ("kept.jsonl", True)):
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows if (row["reason"] == KEPT) == wanted)
            (folder / name).write_text("".join(lines), encoding="utf-8")


def showable(text: str, *, harmful: bool = False) -> str:
    """Return the beginning of a text, personal data masked; of a harmful one, less, its evidence blotted out."""
    text = clean(
        text[: 100 * SNIPPET_CHARACTERS]
    )  # without the rarer line ends, a line of JSON is one for every reader
    if harmful:
        blotted = list(text)
        for start, end in build_harm_scorer().score(text).spans:
            blotted[start:end] = "■" * (end - start)
        text = "".join(blotted)
    limit = HARMFUL_SNIPPET_CHARACTERS if harmful else SNIPPET_CHARACTERS
    # Masked before it is cut, or half a number would get through; nothing far after the cut matters.
    masked = mask_pii(text[: limit + 100])[0]
    return masked if len(masked) <= limit else masked[:limit] + "…"
