"""A few of what each check rejected, and of what was kept, beside its source: for a person to look at."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from hanhua.synthesis.judging import Judged

KEPT = "kept"


class Samples:
    """The first few of each form and reason, in the order of the requests."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._seen: Counter[tuple[str, str]] = Counter()
        self.rows: list[dict[str, Any]] = []

    def add(self, judged: Judged) -> None:
        """Take one note of a request, if its form and reason have few so far."""
        place = (judged.request.form.name, judged.reason or KEPT)
        self._seen[place] += 1
        if self._seen[place] > self._each:
            return
        answer = judged.entry.answer if judged.entry is not None else None
        self.rows.append(
            {
                "form": place[0],
                "reason": place[1],
                "detail": judged.verdict.detail,
                "source_id": judged.request.seed.id,
                "section": judged.request.seed.section,
                "source": judged.request.seed.text,
                "output": judged.verdict.text if judged.reason is None or answer is None else answer.text,
            }
        )

    def write(self, path: Path) -> None:
        """Write them as lines of JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows), encoding="utf-8")
