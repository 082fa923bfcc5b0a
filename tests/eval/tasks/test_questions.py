"""Questions out of people's files: every form read, every mistake named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanhua.errors import InputError
from hanhua.eval.config import Benchmark
from hanhua.eval.material import read_questionnaire
from hanhua.eval.tasks.questions import choose_shots, read_questions, sha256_of_questions

CMMLU = ",Question,A,B,C,D,Answer\n0,一加一等于几？,1,2,None,4,B\n1,哪个是水果？,石头,苹果,木头,铁,b\n"
CEVAL = 'id,question,A,B,C,D,answer,explanation\n0,"甲说：“走”，乙,丙",1,2,3,4,D,"多行\n解释"\n'
MMLU = "What is 2+2?,1,2,3,4,D\nWhich is a fruit?,None,apple,iron,tin,B\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_like_cmmlu_keeps_none_as_text(tmp_path: Path) -> None:
    first, second = read_questions(written(tmp_path, "arithmetic_test.csv", CMMLU))
    assert first.options == ("1", "2", "None", "4")
    assert (first.answer, second.answer) == (1, 1)
    assert (first.subject, first.id) == ("arithmetic", "arithmetic_test#0")


def test_csv_like_ceval_and_mmlu(tmp_path: Path) -> None:
    (question,) = read_questions(written(tmp_path, "law_dev.csv", CEVAL))
    assert (question.id, question.question, question.answer) == ("0", "甲说：“走”，乙,丙", 3)
    first, second = read_questions(written(tmp_path, "mixed_val.csv", MMLU))
    assert (first.question, second.options[0], second.subject) == ("What is 2+2?", "None", "mixed")


def test_jsonl_and_a_folder_of_subjects(tmp_path: Path) -> None:
    row = {"id": "q1", "subject": "s", "question": "问", "A": "1", "B": 2, "C": "3", "D": "4", "answer": "C"}
    (question,) = read_questions(written(tmp_path, "q.jsonl", json.dumps(row) + "\n"))
    assert (question.id, question.subject, question.options, question.answer) == ("q1", "s", ("1", "2", "3", "4"), 2)
    folder = tmp_path / "folder"
    folder.mkdir()
    written(folder, "b_test.csv", CMMLU)
    written(folder, "a_test.csv", CMMLU)
    found = read_questions(folder)
    assert [q.subject for q in found] == ["a", "a", "b", "b"]
    assert sha256_of_questions(found) != sha256_of_questions(found[::-1])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.csv", "id,question,A,B,C,D\n0,问,1,2,3,4\n", "no answer; a split without labels cannot be scored"),
        ("t.csv", "id,question,A,B,C,D,answer\n0,问,1,2,3,4,\n", "no answer; a split without labels"),
        ("t.csv", "question,A,B,C,answer\n问,1,2,3,A\n", "no column D; found question, A, B, C, answer"),
        ("t.csv", "question,A,B,C,D,answer\n问,1,2,3,4,E\n", "the answer is 'E'"),
        ("t.csv", "question,A,B,C,D,answer\n ,1,2,3,4,A\n", "the question is empty"),
        ("t.csv", "question,A,B,C,D,answer\n", "no question in it"),
        ("t.csv", "", "no question in it"),
        ("t.csv", "question,A,B,C,D,answer\n问,1\n", "no column B, C, D"),
        ("t.jsonl", '{"prompt": "x"}\n', "no text in the field 'question'"),
        ("t.jsonl", '{"question": "问", "A": null, "B": "2", "C": "3", "D": "4", "answer": "A"}\n', "option A is None"),
        ("t.jsonl", "", "no question in it"),
        ("t.xlsx", "x", "questions are read from .jsonl, .json, .csv"),
    ],
)
def test_mistakes_name_file_and_row(tmp_path: Path, name: str, text: str, expected: str) -> None:
    path = written(tmp_path, name, text)
    with pytest.raises(InputError) as caught:
        read_questions(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_and_empty_places(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_questions(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="in this folder"):
        read_questions(tmp_path)
    folder = tmp_path / "subjects"
    folder.mkdir()
    written(folder, "full.csv", CMMLU)
    written(folder, "hollow.csv", "question,A,B,C,D,answer\n")
    with pytest.raises(InputError, match=r"hollow\.csv: no question in it"):
        read_questions(folder)


def test_shots_are_the_subjects_own_where_there_are_enough(tmp_path: Path) -> None:
    rows = [
        {"id": f"{s}{i}", "subject": s, "question": f"{s}{i}？", "A": "1", "B": "2", "C": "3", "D": "4", "answer": "A"}
        for s in "xy"
        for i in range(3)
    ]
    solved = read_questions(written(tmp_path, "dev.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    own = choose_shots(solved, solved, shots=2, path="dev")
    assert own.origin == "subject"
    assert {s: [q.id for q in qs] for s, qs in own.by_subject.items()} == {"x": ["x0", "x1"], "y": ["y0", "y1"]}
    shared = choose_shots(solved, solved, shots=4, path="dev")
    assert shared.origin == "file"
    assert {tuple(q.id for q in qs) for qs in shared.by_subject.values()} == {("x0", "x1", "x2", "y0")}
    with pytest.raises(InputError, match="dev: 6 solved examples, where 7 shots"):
        choose_shots(solved, solved, shots=7, path="dev")


def test_examples_that_are_also_questions_are_recorded(tmp_path: Path) -> None:
    questions = written(tmp_path, "q_test.csv", CMMLU)
    dev = written(tmp_path, "q_dev.csv", CMMLU + "2,哪个是动物？,石头,苹果,狗,铁,C\n")
    benchmark = Benchmark(name="q", path=str(questions), fewshot_path=str(dev), shots=3)
    assert read_questionnaire(benchmark).leaked == ("q_dev#0", "q_dev#1")
    with pytest.raises(InputError, match="answers must not stand in the prompt"):
        read_questionnaire(benchmark.model_copy(update={"shots": 2}))
