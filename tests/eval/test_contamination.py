"""Questions of a benchmark that the training corpus holds: found, counted, and the score without them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hanhua.eval.config import EvalConfig
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.stage import evaluate_models
from hanhua.filtering.decontamination.held import build_held_questions
from hanhua.services import Services


def test_planted_questions_are_found_and_the_score_without_them_is_given(
    base: ModelFolder, make_model: Callable[..., ModelFolder], tmp_path: Path
) -> None:
    stems = [
        "长江发源于哪一座山脉的主峰附近？",
        "唐朝的都城长安位于今天的哪一个省份？",
        "水在标准大气压下的沸点是多少摄氏度？",
        "《红楼梦》的作者曹雪芹生活在哪一个朝代？",
    ]
    rows = [
        {"id": f"q{n}", "question": stem, "A": "甲", "B": "乙", "C": "丙", "D": "丁", "answer": "ABCD"[n]}
        for n, stem in enumerate(stems)
    ]
    path = tmp_path / "quiz.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    training = [
        "今天的练习：唐朝的都城長安位于今天的哪一个省份？请写出答案。A. 甲 B. 乙 C. 丙 D. 丁",
        "沸点随气压而变，山上的水不到一百度就开了。",
        "曹雪芹是清代的小说家。",
    ]
    config = EvalConfig.model_validate({"language_modeling": None, "benchmarks": [{"name": "quiz", "path": str(path)}]})
    services = Services(contamination=build_held_questions())
    out = tmp_path / "out"
    out.mkdir()
    evaluate_models(config, [base, make_model("adapted", seed=5)], [], out, services=services, training=training)
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    found = scores["contamination"]["quiz"]
    assert (found["held_ids"], found["held"], found["share"]) == (["q1"], 1, 0.25)
    for model in scores["models"]:
        right = scores["benchmarks"]["quiz"][model]["accuracy"] * 4
        assert 3 * found["accuracy_without"][model]["accuracy"] in (right, right - 1)
