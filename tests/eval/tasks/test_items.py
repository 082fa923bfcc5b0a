"""Questions out of people's files: every form read, every mistake named."""

from __future__ import annotations

import json
from pathlib import Path

import datasets.config
import pytest

from hanhua.errors import InputError, UsageError
from hanhua.eval.config import Benchmark
from hanhua.eval.material import read_questionnaire
from hanhua.eval.tasks.definition import Rows, load_task
from hanhua.eval.tasks.items import Item, choose_shots, draw_items, read_items, sha256_of_items

CMMLU = ",Question,A,B,C,D,Answer\n0,一加一等于几？,1,2,None,4,B\n1,哪个是水果？,石头,苹果,木头,铁,b\n"
CEVAL = 'id,question,A,B,C,D,answer,explanation\n0,"甲说：“走”，乙,丙",1,2,3,4,D,"多行\n解释"\n'
MMLU = "What is 2+2?,1,2,3,4,D\nWhich is a fruit?,None,apple,iron,tin,B\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path, task: str = "choice4_zh") -> list[Item]:
    loaded = load_task(task)
    return read_items(loaded, loaded.data, data=None, path=str(path))


def test_csv_like_cmmlu_keeps_none_as_text(tmp_path: Path) -> None:
    first, second = read(written(tmp_path, "arithmetic_test.csv", CMMLU))
    assert first.context == "题目：一加一等于几？\nA. 1\nB. 2\nC. None\nD. 4\n答案："
    assert first.options == ("A", "B", "C", "D")
    assert (first.answer, second.answer) == (1, 1)
    assert (first.answers, second.answers) == (("2",), ("苹果",))
    assert (first.subject, first.id) == ("arithmetic", "arithmetic#0")


def test_csv_like_ceval_and_mmlu(tmp_path: Path) -> None:
    (item,) = read(written(tmp_path, "law_dev.csv", CEVAL))
    assert (item.id, item.answer) == ("law#0", 3)
    assert "甲说：“走”，乙,丙" in item.context
    first, second = read(written(tmp_path, "mixed_val.csv", MMLU), "mmlu")
    assert first.context.startswith("What is 2+2?\nA. 1")
    assert "A. None" in second.context and second.subject == "mixed"


def test_jsonl_and_a_folder_of_subjects(tmp_path: Path) -> None:
    row = {"id": "q1", "subject": "s", "question": "问{{x}}", "A": "1", "B": 2, "C": "3", "D": "4", "answer": "C"}
    (item,) = read(written(tmp_path, "q.jsonl", json.dumps(row) + "\n"))
    assert (item.id, item.subject, item.answer) == ("q1", "s", 2)
    assert "问{{x}}" in item.context, "braces of a question are text"
    folder = tmp_path / "folder"
    written(folder, "b_test.csv", CMMLU)
    written(folder, "a_test.csv", CMMLU)
    found = read(folder)
    assert [q.subject for q in found] == ["a", "a", "b", "b"]
    assert sha256_of_items(found) != sha256_of_items(found[::-1])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.csv", "id,question,A,B,C,D\n0,问,1,2,3,4\n", "no answer; a split without labels cannot be scored"),
        ("t.csv", "id,question,A,B,C,D,answer\n0,问,1,2,3,4,\n", "no answer; a split without labels"),
        ("t.csv", "question,A,B,C,answer\n问,1,2,3,A\n", "no column for '{{ D }}'"),
        ("t.csv", "question,A,B,C,answer\n问,1,2,3,A\n", "found question, A, B, C, answer"),
        ("t.csv", "question,A,B,C,D,answer\n问,1,2,3,4,E\n", "the answer is 'E'"),
        ("t.csv", "question,A,B,C,D,answer\n ,1,2,3,4,A\n", "the question is empty"),
        ("t.csv", "question,A,B,C,D,answer\n", "no question in it"),
        ("t.jsonl", '{"prompt": "x"}\n', "no column for '{{ question }}'"),
        (
            "t.jsonl",
            '{"question": "问", "A": null, "B": "2", "C": "3", "D": "4", "answer": "A"}\n',
            "option A is empty",
        ),
        ("t.jsonl", "{\n", "not JSON"),
        ("t.jsonl", "[1]\n", "a JSON list"),
        ("t.jsonl", "", "no question in it"),
        ("t.xlsx", "x", "questions are read from .jsonl, .json, .csv, .tsv, .parquet"),
    ],
)
def test_mistakes_name_file_and_row(tmp_path: Path, name: str, text: str, expected: str) -> None:
    path = written(tmp_path, name, text)
    with pytest.raises(InputError) as caught:
        read(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_and_empty_places(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="in this folder"):
        read(tmp_path)
    folder = tmp_path / "subjects"
    written(folder, "full.csv", CMMLU)
    written(folder, "hollow.csv", "question,A,B,C,D,answer\n")
    with pytest.raises(InputError, match=r"hollow\.csv: no question in it"):
        read(folder)
    with pytest.raises(InputError, match="needs data: a folder that holds gaokao"):
        read_questionnaire(Benchmark(task="gaokao"))


def test_shots_are_the_subjects_own_where_there_are_enough(tmp_path: Path) -> None:
    rows = [
        {"id": f"{s}{i}", "subject": s, "question": f"{s}{i}？", "A": "1", "B": "2", "C": "3", "D": "4", "answer": "A"}
        for s in "xy"
        for i in range(3)
    ]
    solved = read(written(tmp_path, "dev.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    own = choose_shots(solved, solved, shots=2, path="dev")
    assert own.origin == "subject"
    assert {s: [q.id for q in qs] for s, qs in own.by_subject.items()} == {"x": ["x0", "x1"], "y": ["y0", "y1"]}
    shared = choose_shots(solved, solved, shots=4, path="dev")
    assert shared.origin == "file"
    assert {tuple(q.id for q in qs) for qs in shared.by_subject.values()} == {("x0", "x1", "x2", "y0")}
    with pytest.raises(InputError, match="dev: 6 solved examples, but 7 shots"):
        choose_shots(solved, solved, shots=7, path="dev")
    drawn = draw_items(solved, max_questions=2)
    assert [item.subject for item in drawn] == ["x", "x", "y", "y"]
    assert draw_items(solved[::-1], max_questions=2) == drawn[::-1]


def test_examples_that_are_also_questions_are_recorded(tmp_path: Path) -> None:
    questions = written(tmp_path, "q_test.csv", CMMLU)
    dev = written(tmp_path, "q_dev.csv", CMMLU + "2,哪个是动物？,石头,苹果,狗,铁,C\n")
    benchmark = Benchmark(name="q", path=str(questions), fewshot_path=str(dev), shots=3)
    assert read_questionnaire(benchmark).leaked == ("q#0", "q#1")
    with pytest.raises(InputError, match="answers must not be in the prompt"):
        read_questionnaire(benchmark.model_copy(update={"shots": 2}))


def test_a_task_of_ones_own_is_one_file(tmp_path: Path) -> None:
    yaml = """
name: riddles
title: Riddles
language: zh
kind: cloze
data: {files: riddles.tsv, header: [riddle, right, wrong]}
question: "{{ riddle }}"
options: ["{{ right }}", "{{ wrong }}"]
answer: "0"
answer_as: index
prompt: {version: riddles-1, question: "谜语：{{ question }}谜底是"}
"""
    path = written(tmp_path, "riddles.yaml", yaml)
    written(tmp_path, "riddles.tsv", "千里相逢。\t重\t轻\n")
    (item,) = read_questionnaire(Benchmark(task=str(path), data=str(tmp_path))).items
    assert (item.context, item.options, item.answer) == ("谜语：千里相逢。谜底是", ("重", "轻"), 0)
    for change, expected in (
        (("kind: cloze", "kind: close"), "kind: .close. is not one of letters"),
        (("title: Riddles", "titel: Riddles"), r"titel: unknown key .did you mean title.."),
        (("version: riddles-1, ", ""), r"yaml: prompt\.version: missing, and it has no default"),
        (("prompt: {version", "prompt: zh-9 #"), "no prompt 'zh-9'; the shared ones are en-1, zh-1, zh-hant-1"),
        (("谜语：{{ question }}", "{{ question"), "not valid Jinja"),
    ):
        broken = written(tmp_path, "broken.yaml", yaml.replace(*change))
        with pytest.raises(InputError, match=expected):
            read_questionnaire(Benchmark(task=str(broken), data=str(tmp_path)))


@pytest.mark.parametrize(("typo", "meant"), [("cmmul", "cmmlu"), ("xcopa-zh", "xcopa_zh"), ("C_eval", "ceval")])
def test_a_typo_gets_a_suggestion(typo: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean {meant}"):
        load_task(typo)


def test_a_file_of_ones_own_named_without_its_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "cmml.yaml", "name: cmml\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"did you mean cmml\.yaml"):
        load_task("cmml")


def test_a_data_set_of_the_hub_is_read_by_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # `datasets` takes a folder for a data set of the Hub, and then asks no network.
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for subject in ("law", "art"):
        written(tmp_path / f"set-{subject}", "test.csv", f"question,A,B,C,D,answer\n{subject}？,1,2,3,4,C\n")
    rows = Rows(hub=str(tmp_path / "set-{config}"), configs=("law", "art"))
    task = load_task("choice4_zh").model_copy(update={"data": rows})
    items = read_items(task, rows, data=None)
    assert [(item.subject, item.answer) for item in items] == [("law", 2), ("art", 2)]
    assert "law？" in items[0].context
