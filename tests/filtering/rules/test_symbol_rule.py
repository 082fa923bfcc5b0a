"""Symbols, marks, digits and brackets: shares of what is visible, told by the characters and not by their order."""

from __future__ import annotations

import math

import pytest
from any_texts import MIXED, REAL, shuffled
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.rules.symbols import symbols

BALANCED = QualityConfig()
LIMITS = {
    "symbols.emoji": "max_symbol_ratio",
    "symbols.marks": "max_mark_ratio",
    "symbols.digits": "max_digit_ratio",
    "symbols.brackets": "max_bracket_ratio",
}
OPEN = QualityConfig(**dict.fromkeys(LIMITS.values(), 1.0))
OFF = QualityConfig(**dict.fromkeys(LIMITS.values()))


def measured(text: str) -> dict[str, float]:
    draft = Draft(text)
    assert symbols(draft, OPEN).keep
    return draft.measured


@given(MIXED, st.integers(), st.text(alphabet=" \n\t\u3000", max_size=10))
def test_order_and_spaces_say_nothing(text: str, seed: int, spaces: str) -> None:
    other = shuffled(text + spaces, seed)
    assert measured(other) == measured(text)
    assert symbols(Draft(other), BALANCED) == symbols(Draft(text), BALANCED)


@given(MIXED, st.integers(2, 5))
def test_shares_are_of_any_length(text: str, times: int) -> None:
    assert measured(text * times) == pytest.approx(measured(text))


@given(MIXED)
def test_shares_are_shares(text: str) -> None:
    found = measured(text)
    assert all(0 <= value <= 1 for value in found.values())
    assert found["symbols.emoji"] <= found["symbols.marks"], "a symbol is a mark too"
    assert found["symbols.marks"] + found["symbols.digits"] <= 1 + 1e-9


@given(MIXED)
def test_each_limit_is_kept_exactly_and_named(text: str) -> None:
    for reason, value in measured(text).items():
        if value:
            assert symbols(Draft(text), QualityConfig(**{**OFF.model_dump(), LIMITS[reason]: value})).keep
            below = QualityConfig(**{**OFF.model_dump(), LIMITS[reason]: math.nextafter(value, 0)})
            assert symbols(Draft(text), below).reason == reason
    assert symbols(Draft(text), OFF).keep


@pytest.mark.parametrize("text", REAL[:12])
def test_prose_and_verse_pass(text: str) -> None:
    assert symbols(Draft(text), BALANCED).keep


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("好🎉🎊", "symbols.emoji"),
        ("好的呀🎉🎊", None),  # two of five: as much as may be
        ("①②③④⑤⑥", "symbols.emoji"),
        ("第①章，第②章，第③章", None),
        ("★★★★热卖", "symbols.emoji"),
        ("★热卖★热卖", None),
        ("……！！！？？？啊呀", "symbols.marks"),
        ("……！？啊呀", None),
        ("——" * 20, "symbols.marks"),
        ("│甲│乙│\n├─┼─┤\n│丙│丁│", None),  # a statute's table
        ("13800138000 电话", "symbols.digits"),
        ("1380 电话号码", None),
        ("２０２４０１０１日", "symbols.digits"),
        ("二〇二四年一月一日", None),
        ("【包邮】【正品】【新款】裙子", "symbols.brackets"),
        ("【编者按】这篇文章写于十年以前，今天读来仍有味道，特此转载。", None),
        ("[包邮][正品][新款]裙子和鞋子", None),  # another bracket
    ],
)
def test_table(text: str, reason: str | None) -> None:
    assert symbols(Draft(text), BALANCED).reason == (reason or "")
