"""On outputs judged by hand: every bad one is found by the check it was written for, and every good one is kept."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from synthetic_checks import AMONG, Judged, judged, measured

from hanhua.services import HarmScore
from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.among import reject_alike
from hanhua.synthesis.checks.verdict import CHECKS, PASSED_IN, CheckContext, judge
from hanhua.synthesis.forms.library import load_forms
from hanhua.synthesis.seed import Seed

FOLDER = Path(__file__).parent.parent
SEED = Seed(
    "zh:a#1", 0, "水在标准大气压下到100摄氏度沸腾，海拔每升高300米，沸点约降低1摄氏度。", "", "zh", "CC0-1.0", "zh"
)
GOOD = "水烧到100℃便会沸腾，这是标准大气压下的情形；往高处去，每登高300米，沸点要低1℃左右，所以山上的饭不容易煮熟。"


@cache
def outputs() -> tuple[Judged, ...]:
    return tuple(judged(FOLDER))


def test_outputs_that_no_limit_was_set_by_are_told_apart_too() -> None:
    unseen = list(judged(FOLDER / "unseen"))
    assert [one.id for one in unseen if one.reason is not None and one.reason not in one.found] == []
    # 上万 is no number: 一万多 for it is more exact than its source.
    assert [one.id for one in unseen if one.reason is None and one.found] == ["orchard-good-3"]


def kept(text: str, *, finish_reason: str = "stop", context: CheckContext | None = None) -> str | None:
    (form,) = load_forms(["rewrite"])
    form = replace(form, limits=form.limits.model_copy(update={"min_characters": 20}))
    return judge(form, SEED, Answer(text, finish_reason, 0, 0), context or CheckContext()).reason


def test_there_are_150_good_and_150_bad_ones_of_every_check_and_form() -> None:
    good = [one for one in outputs() if one.reason is None]
    bad = [one for one in outputs() if one.reason is not None]
    assert len(good) >= 150 and len(bad) >= 150
    assert {one.reason for one in bad} == {*CHECKS, *PASSED_IN, *AMONG} - {"empty"}
    assert len({one.text for one in outputs()}) == len(outputs())


def test_no_good_one_is_rejected() -> None:
    assert {one.id: one.found for one in outputs() if one.reason is None and one.found} == {}


def test_every_bad_one_is_found_by_its_check() -> None:
    alone = [one for one in outputs() if one.reason is not None and one.reason not in AMONG]
    assert [one.id for one in alone if one.reason not in one.found] == []


def test_of_groups_that_are_alike_as_many_are_rejected_as_must_be() -> None:
    rows = {row["check"]: row for row in measured(list(outputs()))}
    assert all(rows[name]["recall"] == 1 and rows[name]["good_rejected"] == 0 for name in AMONG)


def test_what_is_rejected_as_alike_does_not_depend_on_the_order_of_arrival() -> None:
    texts = [(one.id, one.text) for one in outputs()]
    assert reject_alike(texts) == reject_alike(reversed(texts)) == reject_alike(sorted(texts, key=lambda one: one[1]))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD, None),
        (f"好的，以下是改写后的文字：\n\n{GOOD}\n\n希望对您有帮助！", None),
        (f"<think>先算一下</think>{GOOD}", None),
        (f"```\n{GOOD}\n```", None),
        ("", "empty"),
        (GOOD[:-6], "truncated"),
        (GOOD.replace("300", "3000"), "numbers"),
        (GOOD.replace("300米", "300公里"), "numbers"),
        (GOOD.replace("1℃左右", "一成左右"), "numbers"),
        (f"作为一个AI语言模型，我认为{GOOD}", "speaks_as_model"),
        (SEED.text, "copy"),
        (
            "人工智能是研究如何让机器像人一样思考的学科。作为人工智能的分支，机器学习靠数据改进自己，如今用在许多地方。",
            "drift",
        ),
    ],
)
def test_an_answer_and_its_near_misses(text: str, reason: str | None) -> None:
    assert kept(text) == reason


def test_what_the_server_cut_off_is_truncated_whatever_it_ends_with() -> None:
    assert kept(GOOD, finish_reason="length") == kept(GOOD, finish_reason="content_filter") == "truncated"


def test_a_kept_text_is_the_cleaned_one() -> None:
    (form,) = load_forms(["rewrite"])
    form = replace(form, limits=form.limits.model_copy(update={"min_characters": 20}))
    verdict = judge(form, SEED, Answer(f"好的：\n{GOOD}\n\n\n", "stop", 9, 9), CheckContext())
    assert (verdict.accepted, verdict.text) == (True, GOOD)


class _Scorer:
    fingerprint = "of a test"

    def __init__(self, score: float) -> None:
        self._score = score

    def score(self, text: str) -> HarmScore:
        return HarmScore("gambling", self._score)


def test_harm_counts_from_the_filters_own_limit_on() -> None:
    assert kept(GOOD, context=CheckContext(harm=_Scorer(0.49))) is None
    assert kept(GOOD, context=CheckContext(harm=_Scorer(0.5))) == "harm"
