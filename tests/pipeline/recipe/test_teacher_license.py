"""A recipe whose teacher may not teach its student is refused before anything runs, with the reason at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanhua.errors import RecipeError
from hanhua.pipeline.recipe.load import load_recipe

RECIPE = """\
name: Llama-3-test
base: {{model: {base}}}
corpora:
  zh: {{path: texts.jsonl, language: zh, license: CC-BY-4.0}}
synthesis:
  teacher: {{model: {teacher}{more}}}
"""


def mistakes(folder: Path, *, base: str, teacher: str, more: str = "") -> list[str]:
    (folder / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(base=base, teacher=teacher, more=more), encoding="utf-8")
    try:
        load_recipe(path)
    except RecipeError as error:
        return [line.removeprefix(f"{path}:") for line in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("base", "teacher", "why"),
    [
        ("meta-llama/Meta-Llama-3-8B", "gpt-4o", "OpenAI's terms forbid"),
        ("meta-llama/Meta-Llama-3-8B", "claude-sonnet-4", "Anthropic's terms forbid"),
        ("Qwen/Qwen2.5-7B", "meta-llama/Meta-Llama-3-70B-Instruct", "no other large language model than Meta Llama 3"),
        ("meta-llama/Meta-Llama-3-8B", "our-own-model", "its license is not known"),
    ],
    ids=["openai", "anthropic", "llama-3-for-qwen", "unknown"],
)
def test_a_teacher_that_may_not_is_refused_at_its_place(tmp_path: Path, base: str, teacher: str, why: str) -> None:
    (found,) = mistakes(tmp_path, base=base, teacher=teacher)
    assert found.startswith("6:13:") and why in found


def test_a_teacher_that_may_passes_and_so_does_a_license_that_is_said(tmp_path: Path) -> None:
    assert mistakes(tmp_path, base="meta-llama/Meta-Llama-3-8B", teacher="Qwen/Qwen3-4B") == []
    assert mistakes(tmp_path, base="meta-llama/Meta-Llama-3-8B", teacher="Meta-Llama-3-70B-Instruct") == []
    said = ", license: apache-2.0"
    assert mistakes(tmp_path, base="meta-llama/Meta-Llama-3-8B", teacher="our-own-model", more=said) == []
