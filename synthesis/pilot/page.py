"""The pilot as one HTML file that needs nothing else: what each form passes and costs, answers beside sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hanhua.errors import MissingExtra
from hanhua.synthesis.judging import Judged
from hanhua.synthesis.pilot.measure import TeacherPilot, judged_pairs

KEPT_SHOWN = 6
REJECTED_SHOWN = 3
"""Samples of each form that were kept, and of each reason that rejected some."""


def write_page(path: Path, data: Mapping[str, Any], pilots: Sequence[TeacherPilot]) -> None:
    """Write the page. Raises MissingExtra without jinja2."""
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("the pilot's page", "synthesis") from None
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.get_template("pilot.html.jinja")
    path.write_text(template.render(pilot=data, samples=_samples(judged_pairs(pilots))), encoding="utf-8")


def _samples(pairs: Sequence[Sequence[Judged]]) -> list[dict[str, Any]]:
    """Return a few requests of each form and of each thing that came of them, with every teacher's answer."""
    seen: Counter[tuple[str, str | None]] = Counter()
    rows = []
    for row in pairs:
        first = row[0]
        place = (first.request.form.name, first.reason)
        seen[place] += 1
        if seen[place] <= (KEPT_SHOWN if first.reason is None else REJECTED_SHOWN):
            seed = first.request.seed
            answers = [_shown(one) for one in row]
            rows.append({"form": place[0], "id": f"{seed.id}#{seed.section}", "source": seed.text, "answers": answers})
    return sorted(rows, key=lambda one: str(one["form"]))


def _shown(one: Judged) -> dict[str, Any]:
    answer = one.entry.answer if one.entry is not None else None
    text = one.verdict.text if one.reason is None or answer is None else answer.text
    return {"reason": one.reason, "detail": one.verdict.detail, "text": text}
