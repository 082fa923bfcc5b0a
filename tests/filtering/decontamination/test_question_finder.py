"""Questions of benchmarks, found in one text after another as decontamination finds them in documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanhua.errors import InputError
from hanhua.filtering.decontamination.finder import BenchmarkQuestions

QUESTION = "下列各项中，最能说明生态系统具有自我调节能力的是哪一种现象？"


@pytest.fixture
def questions(tmp_path: Path) -> str:
    record = {
        "question": QUESTION,
        "A": "草原上羊的数量稳定",
        "B": "大火烧毁森林",
        "C": "池塘干涸",
        "D": "农田施肥",
        "answer": "A",
    }
    (tmp_path / "val.jsonl").write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
    return str(tmp_path / "val.jsonl")


def test_a_question_is_found_in_its_place_also_in_traditional(questions: str) -> None:
    finder = BenchmarkQuestions().of([questions])
    for text in (
        QUESTION,
        f"想一想。{QUESTION}答案在后面。",
        "下列各項中，最能說明生態系統具有自我調節能力的是哪一種現象",
    ):
        assert str(finder.question_in(text)).startswith("val.jsonl#0 ("), text


def test_what_only_sounds_alike_and_what_is_short_is_none(questions: str) -> None:
    finder = BenchmarkQuestions().of([questions])
    for text in ("", "生态系统", "生态系统具有自我调节的能力，草原便是一例。", "下列各项中正确的是哪一项？"):
        assert finder.question_in(text) is None


def test_without_benchmarks_nothing_is_found_and_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    assert BenchmarkQuestions().of([]).question_in(QUESTION) is None
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="no question found"):
        BenchmarkQuestions().of([str(tmp_path / "empty.jsonl")])
