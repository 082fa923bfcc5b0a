"""Forms: every shipped one is asked in good Chinese, its version holds all that decides the prompt, a file adds one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hanhua.errors import InputError, UsageError
from hanhua.synthesis.forms.form import Form
from hanhua.synthesis.forms.library import form_kinds, load_forms
from hanhua.synthesis.seed import Seed
from hanhua.zh_text.scripts import chinese_script

KINDS = ["exam", "faq", "relations", "rewrite", "table", "translation", "tutorial", "word_problem"]
SEED = Seed("zh:a#1", 0, "原文写着 {context} 和 {passage}。", "上一节的末句。", "zh", "CC0-1.0", "zh")
OWN = "title: 卡片\nshape: prose\nfaithful: true\naudiences: false\ntask: 写一张卡片：{passage}\n"


def everything() -> list[Form]:
    return [form for script in ("hans", "hant-tw", "hant-hk") for form in load_forms([f"{k}:{script}" for k in KINDS])]


def test_the_shipped_forms_are_there_for_two_audiences_and_three_scripts() -> None:
    assert form_kinds() == KINDS
    names = [form.name for form in everything()]
    assert len(names) == len(set(names)) == 3 * (5 * 2 + 3)
    assert {"faq@student", "faq@professional:hant-tw", "rewrite", "translation:hant-hk"} <= set(names)


def test_a_prompt_is_in_the_script_it_asks_for() -> None:
    for form in everything():
        wanted = "hans" if form.script == "hans" else "hant"
        assert chinese_script(form.system + form.user) == wanted, form.name


def test_a_name_without_an_audience_is_for_all_of_them() -> None:
    assert [form.name for form in load_forms(["table"])] == ["table@student", "table@professional"]
    assert [form.name for form in load_forms(["table", "table@student"])] == ["table@student", "table@professional"]


def test_messages_hold_the_seed_word_for_word_and_nothing_is_filled_into_it() -> None:
    (form,) = load_forms(["faq@student"])
    system, user = form.messages(SEED)
    assert (system["role"], user["role"]) == ("system", "user")
    assert SEED.text in user["content"] and SEED.context in user["content"]
    assert "{passage}" not in user["content"].replace(SEED.text, "")
    without = form.messages(replace(SEED, context=""))[1]["content"]
    assert "前文提要：（无）" in without


def test_a_version_changes_with_whatever_decides_the_prompt_and_with_nothing_else() -> None:
    (form,) = load_forms(["faq@student"])
    assert form.version == load_forms(["faq@student"])[0].version
    changed = [
        replace(form, user=form.user + "。"), replace(form, system=""), replace(form, max_output_tokens=9),
        replace(form, audience="professional"), replace(form, script="hant-tw"),
    ]  # fmt: skip
    assert len({form.version, *(one.version for one in changed)}) == 6
    assert (
        replace(form, title="别名", limits=form.limits.model_copy(update={"min_characters": 1})).version == form.version
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("faqs", r"no form 'faqs' \(did you mean faq\?\)"),
        ("faq@students", r"no audience 'students' \(did you mean student\?\)"),
        ("faq:hant", r"no script 'hant'"),
        ("rewrite@student", "has no audiences; say rewrite"),
        ("faq@@x", "is no name of a form"),
    ],
)
def test_a_name_that_is_wrong_is_told_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_forms([name])


def test_one_file_adds_a_form_and_stands_in_for_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text(OWN, encoding="utf-8")
    (tmp_path / "faq.yaml").write_text(OWN, encoding="utf-8")
    assert "card" in form_kinds(folder=tmp_path)
    card, faq = load_forms(["card", "faq"], folder=tmp_path)
    assert card.messages(SEED)[1]["content"] == f"写一张卡片：{SEED.text}" == faq.messages(SEED)[1]["content"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN.replace("{passage}", "空"), "no {passage}"),
        (OWN + "limits: {min_character: 3}\n", "did you mean min_characters"),
        (OWN.replace("prose", "poem"), "is not one of"),
        ("title: [", "not readable as YAML"),
    ],
    ids=["no-passage", "unknown-limit", "unknown-shape", "no-yaml"],
)
def test_a_file_with_a_mistake_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "card.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_forms(["card"], folder=tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        load_forms(["faq"], folder=tmp_path / "nowhere")
