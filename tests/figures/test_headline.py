"""The headline has a column for each model of the run that was measured, and no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_run

from hanhua.artifacts.files import write_json
from hanhua.figures.headline import columns_of, headline_rows
from hanhua.pipeline.summary import headlines, summary_text
from hanhua.report.job import ReportJob
from hanhua.report.stage import report_figures
from hanhua.services import Services


def scores_of(*models: str) -> dict[str, Any]:
    """Return scores of these models: a restored one is as the adapted one, and a tenth better."""
    scores = json.loads(json.dumps(tiny_run.scores_data()))
    for part in ("language_modeling", "safety", *(("benchmarks", task) for task in scores["benchmarks"])):
        found = scores[part] if isinstance(part, str) else scores[part[0]][part[1]]
        found["restored"] = json.loads(json.dumps(found["adapted"]))
        for name in set(found) - set(models):
            del found[name]
    if "restored" in models:
        scores["language_modeling"]["restored"]["zh"]["bits_per_character"] *= 0.9
    scores["tokenizers"]["restored"] = "extended"
    return {**scores, "models": list(models)}


@pytest.mark.parametrize(
    ("models", "heads"),
    [
        (("base", "resized", "adapted", "restored"), ["base", "resized, untrained", "adapted", "restored"]),
        (("base", "adapted"), ["base", "adapted"]),
        (("base", "resized", "adapted", "instruct"), ["base", "resized, untrained", "adapted"]),
    ],
)
def test_a_column_for_each_model(models: tuple[str, ...], heads: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "scores"
    folder.mkdir()
    write_json(folder / "scores.json", scores_of(*models))
    inputs = {"scores": tiny_run.finish(folder, "scores", {"models": list(models), "toy": False})}
    rows = headline_rows(inputs, headlines())
    own = [model for model in models if model != "instruct"]
    assert columns_of(rows) == own
    bits = next(row for row in rows if row.label == "bits per character, zh")
    assert bits.values.get("restored") == (pytest.approx(6.03 * 0.9) if "restored" in models else None)
    compared = next(row for row in rows if row.label == "compared with base, zh")
    assert "base" not in compared.values and compared.intervals["adapted"] == [-0.352, -0.287]
    stopped = next(row for row in rows if row.label == "replies that stop")
    assert stopped.values["adapted"] == 14 / 16
    summary = {"headline": [vars(row) for row in rows], "documents": {"read": 0}, "masked": {}, "toy": False}
    text = summary_text({**summary, "paths": {}, "seconds": 0})
    first, shown = text.splitlines()[0], next(line for line in text.splitlines() if line.startswith("bits per char"))
    assert [head for head in ("base", "resized, untrained", "adapted", "restored") if head in first] == heads
    assert "−32.1% [−35.2%, −28.7%]" in text and "2.010 [1.940, 2.090]" in text
    assert len([cell for cell in shown.split("  ") if cell.strip()]) == 1 + len(own) + ("resized" in own)
    assert (
        report_figures(ReportJob(name="run", headlines=headlines()), inputs, services=Services())["headline_models"]
        == own
    )
