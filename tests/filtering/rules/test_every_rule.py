"""What holds of all rules alike: they change nothing, give names and measures that the report knows, and can be off."""

from __future__ import annotations

import math

import pytest
from any_texts import MIXED, REAL
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.judge import Judge, rules_of
from hanhua.filtering.report.limits import limit_of

PRESETS = ("balanced", "fineweb2-zh")
CONFIGS = {name: FilteringConfig.model_validate({"preset": name, "harm": {"enabled": False}}) for name in PRESETS}
FAMILIES = {"empty", "encoding", "language", "symbols", "length", "repetition", "entropy", "lines", "words"}
NO_LIMIT_OF_THEIR_OWN = {"language"}
"""Measures of this family may stand without a row: a share of kana is shown by the language it gives away."""


@pytest.mark.parametrize("preset", PRESETS)
@given(text=MIXED)
def test_a_rule_looks_and_touches_nothing(preset: str, text: str) -> None:
    for rule in rules_of(CONFIGS[preset]):
        draft, again = Draft(text), Draft(text)
        verdict = rule(draft)
        assert draft.text == text
        assert rule(again) == verdict and again.measured == draft.measured
        assert verdict.keep == (not verdict.reason)
        assert verdict.keep or verdict.reason.split(".")[0] in FAMILIES | {"boilerplate", "junk"}


@pytest.mark.parametrize("preset", PRESETS)
@given(text=MIXED)
def test_every_measure_is_a_number_the_report_has_a_limit_for(preset: str, text: str) -> None:
    for rule in rules_of(CONFIGS[preset]):
        draft = Draft(text)
        rule(draft)
        for name, value in draft.measured.items():
            assert math.isfinite(value) and value >= 0
            assert limit_of(name, CONFIGS[preset]) is not None, name


@pytest.mark.parametrize("preset", PRESETS)
@given(text=MIXED)
def test_a_rejection_by_a_limit_says_a_value_beyond_it(preset: str, text: str) -> None:
    for rule in rules_of(CONFIGS[preset]):
        draft = Draft(text)
        verdict = rule(draft)
        name = "length" if verdict.reason.startswith("length") else verdict.reason
        limit = limit_of(name, CONFIGS[preset]) if name in draft.measured else None
        if not verdict.keep and limit is not None:
            value = draft.measured[name]
            below = limit.low is not None and value < limit.low
            above = limit.high is not None and value > limit.high
            assert below or above, (verdict, limit)


@given(MIXED)
def test_none_rejects_nothing_but_what_is_empty(text: str) -> None:
    judged = Judge(FilteringConfig(preset="none")).judge(text, language="zh")
    assert judged.verdict.reason == ("" if text.strip() else "empty")


@given(st.sampled_from(REAL), st.integers(0, 400))
def test_a_judge_says_the_same_of_the_same_text_whatever_came_before(text: str, cut: int) -> None:
    one, other = Judge(CONFIGS["balanced"]), JUDGE
    assert one.judge(text[cut:], language="zh") == other.judge(text[cut:], language="zh")


JUDGE = Judge(CONFIGS["balanced"])


@given(st.sampled_from(REAL))
def test_what_a_judge_keeps_it_keeps_again_unchanged(text: str) -> None:
    once = JUDGE.judge(text, language="zh")
    again = JUDGE.judge(once.text, language="zh")
    assert once.verdict.keep and again.verdict.keep
    assert again.text == once.text and not again.repaired
