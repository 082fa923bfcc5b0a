"""A text of Taiwan or Hong Kong is judged as its twin of the mainland is: harm, benchmark questions, near copies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opencc import OpenCC

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.judge import Judge
from hanhua.zh_text.folding import fold

QUESTION = "小兰望着山下的灯火想着远方的家人，外婆接着讲了什么"
STORY = (
    "外婆坐着织着毛衣，猫躺着晒着太阳，炉子上的水开着，卫生间的灯亮着，孩子们唱着歌跑着，邻居提着菜站着聊着天，"
    "收音机里叙述着从前的事，台阶上晾着萝卜，日子就这样慢慢过着。"
)


@pytest.mark.parametrize("standard", ["s2t", "s2tw", "s2hk"])
@pytest.mark.parametrize("text", ["跟着老师下注，带着你赚，躺着赚", "活着太累。活着好累。睡着不醒。", QUESTION, STORY])
def test_a_twin_folds_and_scores_alike(standard: str, text: str) -> None:
    twin = OpenCC(standard).convert(text)
    assert fold(twin).text == fold(text).text
    scorer = build_harm_scorer(FilteringConfig().harm)
    assert scorer.score(twin) == scorer.score(text)


@pytest.mark.parametrize("standard", ["s2t", "s2tw", "s2hk"])
def test_a_benchmark_question_is_found_in_any_spelling(tmp_path: Path, standard: str) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"question": QUESTION, "answer": "A"}, ensure_ascii=False) + "\n", encoding="utf-8")
    config = {"preset": "none", "decontamination": {"benchmarks": [str(questions)]}}
    judge = Judge(FilteringConfig.model_validate(config))
    text = OpenCC(standard).convert(f"晚上一起做题。{QUESTION}？大家想了一会儿，谁也没有先开口。")
    assert judge.judge(text, language="zh").verdict.reason.startswith("benchmark")
    assert judge.judge(text.replace("外婆", "老张"), language="zh").verdict.keep


@pytest.mark.parametrize("standard", ["s2t", "s2tw", "s2hk"])
def test_a_twin_has_the_same_signature(standard: str) -> None:
    judge = Judge(FilteringConfig())
    first, second = (judge.judge(text, language="zh") for text in (STORY, OpenCC(standard).convert(STORY)))
    assert first.signature == second.signature != b""


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("税務署説明户口、脱期、兑現與温度的計算，衞生署亦已覆函。", "hant"),
        ("我在温州兑换户口本，税务局说可以。", "hans"),
    ],
)
def test_what_hong_kong_writes_is_not_mixed(text: str, script: str) -> None:
    judge = Judge(FilteringConfig.model_validate({"preset": "none"}))
    assert judge.judge(text, language="zh").script == script
