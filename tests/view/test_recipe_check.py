"""Mistakes at their lines, as one types; shipped recipes are without any, wherever the page was started."""

from __future__ import annotations

from pathlib import Path

import pytest
from mini_run import write_recipe

from hanhua.pipeline.recipe.shipped import shipped_recipes
from hanhua.view.recipe_check import check_typed, recipes_to_begin_with, text_to_begin_with

WRONG = """\
name: mine
base: {model: meta-llama/Meta-Llama-3-8B}
corpora:
  zh: {path: nowhere.jsonl, licence: CC0-1.0}
continued_pretrain:
  max_token: 1e9
  learning_rate: fast
eval:
  benchmarks:
    - {name: a, task: cevel}
"""


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    found = check_typed(WRONG, folder=tmp_path, thorough=False)
    lines = [slip.line for slip in found.slips]
    assert {4, 6, 7, 10} <= set(lines) and found.estimate is None
    assert lines == sorted(lines)
    at = {slip.line: slip for slip in found.slips}
    assert "did you mean max_tokens" in at[6].message and at[6].column == 3
    assert not any(str(tmp_path) in slip.message for slip in found.slips if "nowhere" not in slip.message)


def test_what_is_not_yaml_yet_is_a_mistake_and_no_failure(tmp_path: Path) -> None:
    for end in range(0, len(WRONG), 4):
        check_typed(WRONG[:end], folder=tmp_path, thorough=False)
    assert check_typed("name: [a", folder=tmp_path, thorough=False).slips[0].line == 1
    assert check_typed("", folder=tmp_path, thorough=False).slips[0].line == 1


def test_a_mistake_of_a_parent_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text("name: a\nbase: {modle: x}\n", encoding="utf-8")
    found = check_typed("extends: parent.yaml\n", folder=tmp_path, thorough=False)
    elsewhere = [slip.message for slip in found.slips if slip.line == 0]
    assert elsewhere and all("parent.yaml:2:" in message for message in elsewhere)


def test_paths_start_from_the_folder_and_the_estimate_follows(tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    found = check_typed(path.read_text(encoding="utf-8"), folder=tmp_path, thorough=True)
    assert found.slips == () and found.name == "Llama-3-mini"
    assert found.estimate is not None and found.estimate.tokens == 16384
    found = check_typed(path.read_text(encoding="utf-8"), folder=tmp_path / "elsewhere", thorough=True)
    assert found.slips == ()  # its paths are absolute


@pytest.mark.parametrize("name", ["toy", "llama-3-8b-zh"])
def test_a_shipped_recipe_begins_without_mistakes(tmp_path: Path, name: str) -> None:
    text = text_to_begin_with(name, folder=tmp_path)
    assert check_typed(text, folder=tmp_path, thorough=False).slips == ()


def test_recipes_of_the_folder_come_first_and_nothing_else_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\n", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("x", encoding="utf-8")
    assert list(recipes_to_begin_with(tmp_path)) == ["mine.yaml", *shipped_recipes()]
    assert text_to_begin_with("mine.yaml", folder=tmp_path) == "name: mine\n"
    for name in ("secret.txt", "../mine.yaml", str(tmp_path / "mine.yaml"), ""):
        assert text_to_begin_with(name, folder=tmp_path) == ""
