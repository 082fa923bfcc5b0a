"""Length: letters and digits count, marks and spaces do not; both limits are inclusive."""

from __future__ import annotations

import pytest
from any_texts import MIXED, REAL, shuffled
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.rules.empty import empty
from hanhua.filtering.rules.length import length


def measured(text: str) -> float:
    draft = Draft(text)
    length(draft, QualityConfig(min_characters=None))
    return draft.measured["length"]


@given(MIXED, st.text(alphabet=" \n\t\u3000，。！？…“”★·-—【】", max_size=30), st.integers())
def test_marks_spaces_and_order_make_no_text_longer(text: str, marks: str, seed: int) -> None:
    assert measured(shuffled(text + marks, seed)) == measured(text)


@given(MIXED, MIXED)
def test_lengths_add_up(one: str, other: str) -> None:
    assert measured(one + other) == measured(one) + measured(other)


@given(st.integers(0, 60), st.integers(0, 60))
def test_both_limits_are_inclusive(size: int, limit: int) -> None:
    text = "字" * size
    assert length(Draft(text), QualityConfig(min_characters=limit)).keep == (size >= limit)
    if limit:
        verdict = length(Draft(text), QualityConfig(min_characters=None, max_characters=limit))
        assert verdict.reason == ("length.long" if size > limit else "")


@pytest.mark.parametrize("text", REAL[:8])
def test_it_is_the_number_of_letters_and_digits(text: str) -> None:
    assert measured(text) == sum(map(str.isalnum, text))


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("", 0),
        ("白日依山尽，黄河入海流。", 10),
        ("白日 依山 尽", 5),
        ("2024年1月1日", 9),
        ("１２３４", 4),
        ("é", 1),
        ("かな가나", 4),
        ("①②③", 0),  # what symbol walls are made of
        ("Ⅳ", 1),
        ("🎉🎊", 0),
        ("----====", 0),
        ("\u200b\ufeff", 0),
    ],
)
def test_what_counts(text: str, letters: int) -> None:
    assert measured(text) == letters


@given(MIXED)
def test_empty_is_what_shows_nothing(text: str) -> None:
    assert empty(Draft(text)).keep == any(not character.isspace() for character in text)


@given(st.text(alphabet=" \t\n\r\u3000\u00a0\u2003", max_size=20), st.sampled_from("。字a0★"))
def test_one_visible_character_is_enough_wherever_it_stands(spaces: str, character: str) -> None:
    assert not empty(Draft(spaces)).keep
    half = len(spaces) // 2
    assert empty(Draft(spaces[:half] + character + spaces[half:])).keep
