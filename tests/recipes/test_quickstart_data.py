"""The quickstart's own texts: enough of them, natural, and none written from a template."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from hanhua.zh_text.scripts import chinese_script

DATA = Path(__file__).resolve().parents[2] / "recipes" / "quickstart"


def load(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").split("\n") if line]


def chinese() -> list[dict[str, Any]]:
    return [record for name in ("zh_hans_a.jsonl", "zh_hans_b.jsonl", "zh_hant.jsonl") for record in load(name)]


def test_there_is_enough_of_everything() -> None:
    documents = chinese()
    assert len(documents) >= 200
    assert sum(len(document["text"]) for document in documents) >= 80_000
    assert len({document["domain"] for document in documents}) >= 12
    assert len(load("en.jsonl")) >= 40
    assert len(load("dirty.jsonl")) >= 60
    assert len(load("questions.jsonl")) == 120
    assert len(load("prompts.jsonl")) == 60


def test_ids_are_unique() -> None:
    for name in DATA.glob("*.jsonl"):
        ids = [record["id"] for record in load(name.name)]
        assert len(set(ids)) == len(ids), name


def test_documents_are_in_the_script_they_say() -> None:
    for name, script in (("zh_hans_a.jsonl", "hans"), ("zh_hans_b.jsonl", "hans"), ("zh_hant.jsonl", "hant")):
        for record in load(name):
            assert chinese_script(record["text"]) == script, record["id"]


@pytest.mark.parametrize("files", [("zh_hans_a.jsonl", "zh_hans_b.jsonl", "zh_hant.jsonl"), ("en.jsonl",)])
def test_no_two_clean_documents_share_their_phrasing(files: tuple[str, ...]) -> None:
    grams = {}
    for name in files:
        for record in load(name):
            text = "".join(record["text"].split())
            grams[record["id"]] = {text[i : i + 8] for i in range(len(text) - 7)}
    for (one, a), (other, b) in combinations(grams.items(), 2):
        assert len(a & b) <= 0.3 * min(len(a), len(b)), f"{one} and {other}"


def test_questions_are_sound() -> None:
    questions = load("questions.jsonl")
    letters = Counter(question["answer"] for question in questions)
    assert set(letters) == set("ABCD")
    assert max(letters.values()) <= 36
    assert len({question["question"] for question in questions}) == 120
    for question in questions:
        assert len({question[letter] for letter in "ABCD"}) == 4, question["id"]


def test_prompts_cover_every_category_with_look_alikes() -> None:
    harmful = Counter(prompt["category"] for prompt in load("prompts.jsonl") if not prompt["benign"])
    benign = Counter(prompt["category"] for prompt in load("prompts.jsonl") if prompt["benign"])
    assert len(harmful) == 8
    assert harmful.keys() == benign.keys()
