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
        ("contains", "它成立于1998年", ["8"], False),
        ("contains", "1998年8月", ["8"], True),
        ("contains", "重 3.8 千克", ["8"], False),
        ("contains", "它有8个", ["8"], True),
        ("contains", "3，8", ["8"], True),
        ("contains", "1,018 美元", ["1018"], True),
        ("contains", "the category", ["cat"], False),
        ("contains", "the Cat.", ["cat"], True),
        ("contains", "不是黄柏，是黄连", ["黄柏"], False),
        ("contains", "不是黄柏，是黄连", ["黄连"], True),
        ("contains", "有人说不是黄柏，其实就是黄柏", ["黄柏"], True),
        ("contains", "It is not Paris but Lyon", ["Paris"], False),
        ("overlap", "北京", ["在北京"], False),
        ("overlap", "《北京》。", ["北京"], True),
    ],
)
def test_metrics(metric: str, text: str, answers: list[str], correct: bool) -> None:
    assert compare_written(text, answers, metric=metric).correct is correct


@pytest.mark.parametrize(
    ("text", "answers", "f1"),
    [
        ("在北京", ["上海", "北京"], 0.8),
        ("", ["北京"], 0.0),
        # Common characters in another order are no common run.
        ("京北是都首", ["首都是北京"], 0.2),
        # Words and figures of other text are one segment each.
        ("于1998年", ["1998年"], 0.8),
        ("use python", ["Python"], 2 / 3),
    ],
)
def test_overlap_is_cmrcs_f1(text: str, answers: list[str], f1: float) -> None:
    assert compare_written(text, answers, metric="overlap").overlap == pytest.approx(f1)
