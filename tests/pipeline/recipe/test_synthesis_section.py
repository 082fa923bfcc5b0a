"""Mistakes in the section `synthesis` are told when the recipe is read, at their places."""

from __future__ import annotations

from pathlib import Path

import pytest
from note_form import write_forms

from hanhua.errors import RecipeError
from hanhua.pipeline.recipe.load import load_recipe

RECIPE = """\
name: synthetic
corpora:
  zh: {path: texts.jsonl, language: zh, license: CC-BY-4.0}
  en: {path: texts.jsonl, language: en, license: CC-BY-4.0}
synthesis:
  teacher: {model: m, license: MIT, base_url: "http://a/v1"}
  forms: [faq, note]
  form_folder: forms
  seeds: {corpora: [zh]}
"""
MISTAKES = [
    ("[faq, note]", "[faqq]", "7:3", "no form 'faqq' (did you mean faq?)"),
    ("[faq, note]", "[faq@kids]", "7:3", "no audience 'kids'"),
    ("[faq, note]", "[forms/note.yaml]", "7:3", "'note', and say where the file is with synthesis.form_folder"),
    ("[faq, note]", "[broken]", "7:3", "task has no {passage}"),
    (
        "[faq, note]",
        "[translation]",
        "7:3",
        "take texts of language en, and the corpora that seeds are taken of are zh",
    ),
    ("form_folder: forms", "form_folder: form", "8:3", "no such file or folder"),
    ("corpora: [zh]", "corpora: [zhs]", "9:11", "no corpus 'zhs' (did you mean zh?)"),
    ("http://a/v1", "a/v1", "6:37", "begins with http:// or https://"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    note = (write_forms(tmp_path / "forms") / "note.yaml").read_text(encoding="utf-8")
    (tmp_path / "forms" / "broken.yaml").write_text(note.replace("{passage}", "{pasage}"), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("right", "wrong", "at", "message"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_is_told_where_it_is(right: str, wrong: str, at: str, message: str, folder: Path) -> None:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.replace(right, wrong), encoding="utf-8")
    with pytest.raises(RecipeError) as told:
        load_recipe(path)
    (mistake,) = told.value.mistakes
    assert mistake.startswith(f"{path}:{at}") and message in mistake, mistake


def test_a_form_of_ones_own_is_no_mistake(folder: Path) -> None:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    assert load_recipe(path).recipe.synthesis is not None
