"""A judge measured on labels, and rates corrected for its mistakes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from hanhua.errors import InputError
from hanhua.eval.behavior.judging import (
    Judge,
    agreement,
    corrected_rate,
    describe_judge,
    measure_judge,
    read_labels,
)


def test_precision_recall_specificity() -> None:
    labels = [True] * 10 + [False] * 30
    verdicts = [True] * 8 + [False] * 2 + [True] * 2 + [False] * 28
    judge = measure_judge(verdicts, labels)
    assert judge == Judge(8, 2, 2, 28)
    found = describe_judge(judge)
    assert (found["precision"], found["recall"], found["labels"]) == (0.8, 0.8, 40)
    assert found["specificity"] == pytest.approx(28 / 30)
    assert found["recall_interval"][0] < 0.8 < found["recall_interval"][1]


def test_a_perfect_judge_changes_nothing_and_a_blind_one_says_nothing() -> None:
    point, (low, high) = corrected_rate(30, 100, Judge(1000, 0, 0, 1000)) or (0.0, (0.0, 0.0))
    assert point == pytest.approx(0.3)
    assert low < 0.3 < high and high - low < 0.25
    assert corrected_rate(30, 100, Judge(5, 5, 5, 5)) is None
    assert corrected_rate(30, 100, Judge(0, 0, 0, 0)) is None


def test_the_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    draw, covered, raw_covered, trials = random.Random(0), 0, 0, 600
    truth, recall, specificity = 0.2, 0.7, 0.9
    for _ in range(trials):
        flagged = sum(draw.random() < (recall if draw.random() < truth else 1 - specificity) for _ in range(200))
        hits = sum(draw.random() < recall for _ in range(60))
        passed = sum(draw.random() < specificity for _ in range(90))
        found = corrected_rate(flagged, 200, Judge(hits, 90 - passed, 60 - hits, passed))
        assert found is not None
        covered += found[1][0] <= truth <= found[1][1]
        raw_covered += abs(flagged / 200 - truth) < 0.02
    assert 0.93 <= covered / trials <= 0.99
    assert raw_covered / trials < 0.8, "the raw rate is biased, or there would be nothing to correct"


def test_agreement_beyond_chance() -> None:
    assert agreement([True, False, True, False], [True, False, True, False]) == {"agreement": 1.0, "kappa": 1.0}
    assert agreement([True, True, False, False], [True, False, True, False])["kappa"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"text": "一", "harmful": True}], "all equal"),
        ([{"text": "一", "harmful": "yes"}], "harmful is 'yes'"),
        ([{"harmful": True}], "no text in the field"),
    ],
)
def test_bad_labels(tmp_path: Path, rows: list[dict[str, object]], expected: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(InputError, match=expected):
        read_labels(path)
