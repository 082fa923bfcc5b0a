"""Synthetic text on its whole way: a recipe with a teacher on loopback, from texts to a released model and its card."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_teacher import Teacher, served_teacher
from mini_run import write_recipe
from note_form import note, write_forms

from hanhua.documents import read_corpus
from hanhua.pipeline.plan_steps import plan
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.runner import run

SECTION = """\
synthesis:
  teacher: {{model: Qwen/Qwen3-4B-Instruct-2507, license: Apache-2.0, base_url: "{url}"}}
  forms: [note, memo]
  form_folder: {forms}
  seeds: {{min_characters: 50, max_characters: 250}}
  asking: {{max_wait_seconds: 0.2}}
"""


@pytest.mark.slow
def test_a_run_trains_on_what_a_teacher_wrote_and_says_so(tmp_path: Path) -> None:
    recipe, forms = write_recipe(tmp_path), write_forms(tmp_path / "forms")
    teacher = Teacher(write=note)
    with served_teacher(teacher) as url:
        text = recipe.read_text(encoding="utf-8") + SECTION.format(url=url, forms=forms)
        recipe.write_text(text, encoding="utf-8")
        result = run(load_recipe(recipe), runs=tmp_path / "runs")
    assert result.made[:2] == ["filtering", "synthesis"] and "continued_pretrain" in result.made
    made = result.artifacts["synthesis"]
    corpus = list(read_corpus(made.path))
    heldout = {one.id for one in corpus if one.split == "heldout"}
    synthetic = [one for one in corpus if one.provenance]
    assert synthetic and heldout and not heldout & {one.provenance["source_id"] for one in synthetic}
    trained = result.artifacts["continued_pretrain"].facts["corpora"]
    assert {"synthetic_note", "synthetic_memo"} <= set(trained)
    card = (result.artifacts["release"].path / "README.md").read_text(encoding="utf-8")
    assert "Qwen3-4B" in card
    for stage in ("synthesis", "release", "report"):
        files = [path for path in result.artifacts[stage].path.rglob("*") if path.is_file()]
        assert not [path for path in files if url.encode() in path.read_bytes()], (
            "where it is served is never published"
        )
    before = sum(teacher.notes.asked.values())
    again = run(load_recipe(recipe), runs=tmp_path / "runs")
    assert again.made == [] and sum(teacher.notes.asked.values()) == before
    moved = load_recipe(recipe, ["synthesis.teacher.base_url=http://elsewhere.invalid/v1"])
    steps = {step.stage: step.state for step in plan(moved, runs=tmp_path / "runs")}
    assert set(steps.values()) == {"cached"}
    assert made.facts["synthetic"].keys() == {"synthetic_note", "synthetic_memo"}
