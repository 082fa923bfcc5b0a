"""Written answers: what counts as right."""

from __future__ import annotations

import pytest

from hanhua.eval.tasks.written import compare_written


@pytest.mark.parametrize(
    ("metric", "text", "answers", "correct"),
    [
        ("number", "所以她赚了 1,018 美元", ["1018"], True),
        ("number", "一共 １８ 颗", ["18"], True),
        ("number", "先是18，后来是19", ["18"], False),
        ("number", "答案是 18.0。", ["18"], True),
        ("number", "不知道", ["18"], False),
        ("number", "-3", ["3"], False),
        ("exact", " 北京。", ["北京"], True),
        ("exact", "北京市", ["北京"], False),
        ("exact", "ＡＢＣ", ["abc"], True),
        ("contains", "应该是北京市吧", ["上海", "北京"], True),
        ("contains", "南京", ["北京"], False),
        ("overlap", "北京", ["在北京"], False),
    ],
)
def test_metrics(metric: str, text: str, answers: list[str], correct: bool) -> None:
    assert compare_written(text, answers, metric=metric).correct is correct


def test_overlap_is_the_best_f1_of_characters() -> None:
    assert compare_written("在北京", ["上海", "北京"], metric="overlap").overlap == pytest.approx(0.8)
    assert compare_written("", ["北京"], metric="overlap").overlap == 0.0
