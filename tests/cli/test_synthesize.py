"""`hanhua synthesize`: a pilot, whose page and figures `hanhua plan` finds; a batch; the run; the mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from loopback_teacher import Teacher, served_teacher
from note_form import note, write_forms
from repository import QUICKSTART

from hanhua.cli.entry import run_command
from hanhua.cli.main import app
from hanhua.documents import read_corpus

RECIPE = """\
name: synthetic
corpora: {{zh: {{path: "{data}/zh_hans_a.jsonl", license: Apache-2.0, max_documents: 20}}}}
filtering: {{preset: none, heldout_ratio: 0.1}}
synthesis:
  teacher: {{model: loopback, license: MIT, base_url: "{url}", dollars_per_million_prompt_tokens: 1.0,
    dollars_per_million_output_tokens: 2.0}}
  forms: [note, memo]
  form_folder: {forms}
  seeds: {{min_characters: 50, max_characters: 250}}
"""


def call(*arguments: str | Path) -> int:
    return run_command(lambda: app([str(a) for a in arguments], standalone_mode=True))


def test_pilot_plan_batch_and_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe, forms, teacher = tmp_path / "r.yaml", write_forms(tmp_path / "forms"), Teacher(write=note)

    def printed(*arguments: str | Path) -> Any:
        assert call(*arguments, "--json") == 0
        return json.loads(capsys.readouterr().out)

    with served_teacher(teacher) as url:
        recipe.write_text(RECIPE.format(data=QUICKSTART, url=url, forms=forms), encoding="utf-8")
        before = printed("plan", recipe)["estimate"]["stages"]
        assert any("before a pilot" in stage["note"] for stage in before if stage["stage"] == "synthesis")
        pilot = printed("synthesize", recipe, "--pilot", "5")
        assert len(teacher.notes.asked) == 10 and Path(pilot["page"]).is_file()
        stages = printed("plan", recipe)["estimate"]["stages"]
        found = next(stage for stage in stages if stage["stage"] == "synthesis")
        left = pilot["teachers"][0]["whole"]["left"]
        assert f"{left['requests']:,.0f} requests left" in found["note"]
        assert found["dollars"] == pytest.approx(left["dollars"])
        assert left["dollars"] == pytest.approx(left["prompt_tokens"] * 1e-6 + left["output_tokens"] * 2e-6)
        reach = pilot["teachers"][0]["whole"]["reaches"]["dollars"]
        assert reach > 0 and f"by 5 of {pilot['of_sections']} sections" in found["note"]
        assert f"dollars ±{reach:.0%}" in found["note"]
        batch = printed("synthesize", recipe, "--batch-out", tmp_path / "batch.jsonl")
        assert batch["requests"] == left["requests"]
        facts = printed("synthesize", recipe)
        assert sum(form["requests"] for form in facts["forms"].values()) == batch["requests"] + 10
        assert [one for one in read_corpus(Path(facts["out"])) if one.provenance]
        shown = [Path(facts["out"]) / "manifest.json", tmp_path / "runs" / "synthetic" / "run.json"]
        assert not [path for path in shown if url in path.read_text(encoding="utf-8")], (
            "an address is nobody's business"
        )
    assert set(teacher.notes.whole.values()) == {1}


def test_mistakes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "r.yaml"
    text = RECIPE.format(data=QUICKSTART, url="http://a/v1", forms=write_forms(tmp_path / "forms"))
    recipe.write_text(text.split("synthesis:")[0], encoding="utf-8")
    assert call("synthesize", recipe) == 2 and "has no section `synthesis`" in capsys.readouterr().err
    recipe.write_text(text, encoding="utf-8")
    assert call("synthesize", recipe, "--pilot", "3", "--batch-out", "x") == 2
    assert "give one of them" in capsys.readouterr().err
    assert call("synthesize", recipe, "--task", "2", "--tasks", "2") == 2
    assert "numbered from 0 to N - 1" in capsys.readouterr().err
    assert call("synthesize", recipe, "--task", "0", "--tasks", "2", "--runs", tmp_path / "none") == 2
    assert "the texts are not filtered yet" in capsys.readouterr().err
