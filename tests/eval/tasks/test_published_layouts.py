"""Benchmarks as their authors publish them, where that differs from the Hub's copies (rows written for this test)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hanhua.errors import InputError
from hanhua.eval.config import Benchmark
from hanhua.eval.material import Questionnaire, read_questionnaire
from hanhua.eval.tasks.rows import find_files

IDIOMS = ["一心一意", "三心二意", "四面八方"]
CLUE_CHID = {"candidates": IDIOMS, "content": ["#idiom000001#地做事，从不#idiom000002#。"]}
FEWCLUE_CHID = {"id": 1421, "candidates": IDIOMS, "content": "他们来自#idiom#。", "answer": 2}
CMRC = [
    {
        "context_id": "TRIAL_0",
        "context_text": "他生于北京。",
        "title": "",
        "qas": [{"query_id": "TRIAL_0_QUERY_0", "query_text": "生于？", "answers": ["北京", "在北京"]}],
    }
]
ARC = {
    "id": "Mercury_1",
    "question": {
        "stem": "Which?",
        "choices": [{"text": "stone", "label": "1"}, {"text": "air", "label": "2"}],
    },
    "answerKey": "2",
}
AGIEVAL = {
    "passage": "短文。",
    "question": "谁？",
    "options": ["(A)甲", "(B)乙", "(C)丙", "(D)丁"],
    "label": "C",
    "answer": None,
    "other": {"source": "x"},
}
STORY = (
    "InputStoryid\tInputSentence1\tInputSentence2\tInputSentence3\tInputSentence4\tRandomFifthSentenceQuiz1\t"
    "RandomFifthSentenceQuiz2\tAnswerRightEnding\nx1\t一。\t二。\t三。\t四。\t好。\t坏。\t1\n"
)
OCNLI = [
    {"level": "easy", "sentence1": "下雨了。", "sentence2": "没有云。", "label": "contradiction", "id": 1},
    {"level": "easy", "sentence1": "下雨了。", "sentence2": "地湿了。", "label": "-", "id": 2},
]
ROWS = "question,A,B,C,D,answer\n天空？,蓝,红,绿,黑,A\n"


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read(folder: Path, task: str, **files: str) -> Questionnaire:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shots = {} if task not in ("tmmluplus", "hkmmlu") else {"shots": 1}
    return read_questionnaire(Benchmark(task=task, data=str(folder), **shots))


@pytest.mark.parametrize(
    ("task", "files", "context", "answer", "options"),
    [
        (
            "agieval_zh",
            {
                "agieval/data/v1/gaokao-history.jsonl": lines(AGIEVAL, {**AGIEVAL, "label": ["A", "B"]}),
                "agieval/data/v1/sat-math.jsonl": lines({"passage": None}),
            },
            "短文。问题：谁？ 选项：(A)甲 (B)乙 (C)丙 (D)丁\n答案：从A到D, 我们应选择",
            2,
            ("A", "B", "C", "D"),
        ),
        (
            "arc_challenge",
            {"arc/ARC-Challenge/ARC-Challenge-Test.jsonl": lines(ARC), "arc/ARC-Challenge/x.csv": "a\n"},
            "Question: Which?\nAnswer:",
            1,
            ("stone", "air"),
        ),
        (
            "xstorycloze_zh",
            {"xstorycloze/zh/spring2016.val.zh.tsv.split_20_80_eval.tsv": STORY},
            "一。二。三。四。",
            0,
            ("好。", "坏。"),
        ),
        ("cmrc", {"cmrc/cmrc2018_dev.json": json.dumps(CMRC)}, "短文：他生于北京。\n问题：生于？\n答案：", -1, ()),
        (
            "ocnli",
            {"ocnli/dev.json": lines(*OCNLI)},
            "题目：句子一：下雨了。\n句子二：没有云。\n根据句子一，句子二是：\n"
            "A. 一定成立\nB. 不一定成立\nC. 一定不成立\n答案：",
            2,
            ("A", "B", "C"),
        ),
        (
            "tmmluplus",
            {"tmmluplus/data/law_test.csv": ROWS, "tmmluplus/data/law_train.csv": ROWS.replace("天空", "海洋")},
            "題目：天空？\nA. 蓝\nB. 红\nC. 绿\nD. 黑\n答案：",
            0,
            ("A", "B", "C", "D"),
        ),
        (
            "hkmmlu",
            {"hkmmlu/data/test/law.csv": ROWS, "hkmmlu/data/dev/law.csv": ROWS.replace("天空", "海洋")},
            "題目：天空？\nA. 蓝\nB. 红\nC. 绿\nD. 黑\n答案：",
            0,
            ("A", "B", "C", "D"),
        ),
        (
            "chid",
            {"chid/dev_few_all.json": lines(FEWCLUE_CHID, FEWCLUE_CHID)},
            "他们来自",
            2,
            tuple(f"{i}。" for i in IDIOMS),
        ),
    ],
)
def test_the_authors_own_files_are_read(
    task: str, files: dict[str, str], context: str, answer: int, options: tuple[str, ...], tmp_path: Path
) -> None:
    item = read(tmp_path, task, **files).items[0]
    assert (item.context, item.answer, item.options) == (context, answer, options)


def test_chid_of_clue_has_its_answers_in_a_file_of_their_own(tmp_path: Path) -> None:
    """A passage may begin with an idiom, and hold two: each is asked with the other filled."""
    answers = json.dumps({"#idiom000001#": 0, "#idiom000002#": 1})
    first, second = read(tmp_path, "chid", **{"chid/dev.json": lines(CLUE_CHID), "chid/dev_answer.json": answers}).items
    assert (first.context, first.answer) == ("", 0)
    assert first.options == tuple(f"{idiom}地做事，从不三心二意。" for idiom in IDIOMS)
    assert (second.context, second.answer) == ("一心一意地做事，从不", 1)
    assert second.options == tuple(f"{idiom}。" for idiom in IDIOMS)
    assert first.id != second.id and first.question.startswith("（　　）地做事")


def test_a_blank_without_an_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"dev\.json: not laid out as 'chid' \(ValueError: no answer for #idiom000001#\)"
    ):
        read(tmp_path, "chid", **{"chid/dev.json": lines(CLUE_CHID)})


@pytest.mark.parametrize("text", ["{} x", '{"a": 1}\n{"a"\n', "[1\n2]"])
def test_broken_json_is_still_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"dev\.json: not readable as JSON"):
        read(tmp_path, "ocnli", **{"ocnli/dev.json": text})


def test_either_of_several_names_is_found(tmp_path: Path) -> None:
    for name in ("a.csv", "b.json", "c.txt"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert [path.name for path in find_files(f"{tmp_path}/*.{{csv,json}}")] == ["a.csv", "b.json"]
    with pytest.raises(InputError, match="no such file"):
        find_files(f"{tmp_path}/*.{{tsv,jsonl}}")
