"""A stage that is declared in a test folder runs, is cached, and is reported; no file of ours knows of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mini_run import write_recipe
from word_count import STAGE

from hanhua.artifacts.code_closure import closure_hashes
from hanhua.errors import RecipeError, UsageError
from hanhua.pipeline.plan_steps import plan
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.runner import RunResult, run
from hanhua.pipeline.stages import registered, stage_names
from hanhua.pipeline.summary import run_summary, summary_text


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Path]:
    path = write_recipe(tmp_path)
    text = path.read_text(encoding="utf-8")
    # Only what costs nothing: texts, the count, the report.
    kept = text[: text.index("vocab_extension:")].replace("base:\n", "base:\n", 1)
    path.write_text(kept + "word_count: {word: 我们}\n", encoding="utf-8")
    with registered(STAGE):
        yield path


def run_it(recipe: Path, *overrides: str) -> RunResult:
    return run(load_recipe(recipe, overrides), runs=recipe.parent / "runs")


def test_it_runs_is_cached_and_reported(recipe: Path) -> None:
    first = run_it(recipe)
    assert first.made == ["filtering", "word_count", "base", "report"]
    found = first.artifacts["word_count"]
    assert found.kind == "count" and found.facts["found"] > 0 and found.facts["masks"]
    summary = run_summary(first)
    assert [row["label"] for row in summary["headline"]] == ["times 我们"]
    assert f"{found.facts['found']:.3f}" in summary_text(summary)
    report = json.loads((first.artifacts["report"].path / "report.json").read_text(encoding="utf-8"))
    assert report["headline"][0]["values"] == {"corpus": found.facts["found"]}
    assert "word_count" in (first.artifacts["report"].path / "report.html").read_text(encoding="utf-8")

    assert run_it(recipe).made == []
    assert run_it(recipe, "word_count.word=他们").made == ["word_count", "report"]
    steps = {
        step.stage: step for step in plan(load_recipe(recipe, ["word_count.word=它"]), runs=recipe.parent / "runs")
    }
    assert steps["word_count"].reasons == ('config.word: "他们" → "它"',)


def test_its_mistakes_are_told_as_ours_are(recipe: Path) -> None:
    with pytest.raises(RecipeError, match=r"word_count\.wrod: unknown key \(did you mean word\?\)"):
        load_recipe(recipe, ["word_count.wrod=x"])


def test_it_stands_behind_what_it_reads_and_is_gone_afterwards(recipe: Path) -> None:
    names = stage_names()
    assert names.index("filtering") < names.index("word_count") < names.index("report")
    with pytest.raises(UsageError, match="is there already"), registered(STAGE):
        pass
    assert {"word_count", "hanhua.documents.corpus"} <= set(closure_hashes(STAGE.function))


def test_without_being_registered_its_section_is_a_mistake(tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "word_count: {word: 我们}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"word_count: unknown key"):
        load_recipe(path)
