"""Entries for the Hub: whole benchmarks of the Hub only, with what makes the score comparable."""

from __future__ import annotations

from typing import Any

import yaml

from hanhua.release.eval_results import eval_result_files

WHOLE = {"questions": 11582, "subjects": 67, "published": {"questions": 11582, "subjects": 67}, "whole": True}
ABOUT = {"hub": "haonan-li/cmmlu", "shots": 5, "prompt": "zh-1", "prompt_sha256": "ab" * 32, **WHOLE}
FOUND = {"accuracy": 0.512345, "interval": [0.5, 0.52], "questions": 11582}


def scores(**about: Any) -> dict[str, Any]:
    return {"benchmarks": {"cmmlu": {"adapted": FOUND}}, "tasks": {"cmmlu": {**ABOUT, **about}}}


def test_an_entry_says_how_it_was_measured() -> None:
    files = eval_result_files(scores(), model="adapted")
    (entry,) = yaml.safe_load(files["cmmlu.yaml"])
    assert entry["dataset"] == {"id": "haonan-li/cmmlu", "task_id": "cmmlu"}
    assert entry["value"] == 0.5123
    for part in ("5-shot", "prompt zh-1 (abababababab)", "11582 questions", "0.5000 to 0.5200"):
        assert part in entry["notes"]


def test_parts_of_a_benchmark_and_files_of_ones_own_are_not_entered() -> None:
    assert eval_result_files(scores(whole=False, questions=30, subjects=3), model="adapted") == {}
    assert eval_result_files(scores(published=None), model="adapted") == {}, "its size is not known"
    assert eval_result_files(scores(hub="hails/agieval-{config}"), model="adapted") == {}, "no id the Hub takes"
    assert eval_result_files(scores(hub=None), model="adapted") == {}
    assert eval_result_files(scores(), model="instruct") == {}
    assert eval_result_files({}, model="adapted") == {}


def test_contamination_stands_in_the_notes() -> None:
    found = {**scores(), "contamination": {"cmmlu": {"held": 3}}}
    (entry,) = yaml.safe_load(eval_result_files(found, model="adapted")["cmmlu.yaml"])
    assert "3 questions in the training corpus" in entry["notes"]


def test_prompts_that_were_cut_stand_in_the_notes() -> None:
    found = scores()
    found["benchmarks"]["cmmlu"]["adapted"] = {**FOUND, "truncated": 12}
    (entry,) = yaml.safe_load(eval_result_files(found, model="adapted")["cmmlu.yaml"])
    assert "12 of 11,582 prompts were cut to fit the model's context" in entry["notes"]
