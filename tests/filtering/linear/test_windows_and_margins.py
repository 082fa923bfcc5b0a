"""Windows stand for all of a text, margins for enough of it; tables of weights have sizes that fit their columns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.linear.features import MAX_COLUMN_BITS, WINDOW_CHARACTERS
from hanhua.filtering.linear.margins import is_table_size, sigmoid, unused_bits, window_margins
from hanhua.filtering.linear.windows import (
    MAX_HIT_WINDOWS,
    MAX_OVERLAPPING_CHARACTERS,
    MIN_DENSITY,
    Plan,
    density_margin,
    plan_windows,
)

SIZES = st.integers(1, 60_000)
MARGINS = st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=60)


@given(SIZES, st.lists(st.integers(0, 59_999), max_size=12))
def test_what_is_read_stands_for_the_whole_text(characters: int, hits: list[int]) -> None:
    hits = [at for at in hits if at < characters]
    plan = plan_windows(characters, hits)
    starts = plan.starts.tolist()
    assert starts == sorted(starts) and len(starts) == len(plan.stands_for)
    assert starts[0] >= 0 and starts[-1] + min(characters, WINDOW_CHARACTERS) <= characters
    assert (plan.stands_for >= 1 - 1e-9).all() or characters <= MAX_OVERLAPPING_CHARACTERS
    if characters > MAX_OVERLAPPING_CHARACTERS:
        assert plan.stands_for.sum() == pytest.approx(-(-characters // WINDOW_CHARACTERS))


@given(st.integers(MAX_OVERLAPPING_CHARACTERS + 1, 60_000), st.integers(0, 59_999))
def test_a_window_with_a_hit_is_read(characters: int, hit: int) -> None:
    at = hit % characters
    starts = plan_windows(characters, [at]).starts
    assert any(start <= at < start + WINDOW_CHARACTERS for start in starts.tolist())


@given(st.integers(4000, 60_000), st.lists(st.integers(0, 3999), min_size=1, max_size=40))
def test_of_many_hits_a_few_windows_are_read(characters: int, hits: list[int]) -> None:
    without, with_hits = plan_windows(characters), plan_windows(characters, hits)
    assert len(with_hits.starts) <= len(without.starts) + MAX_HIT_WINDOWS
    assert without.even and not with_hits.even


@given(MARGINS)
def test_even_windows_and_windows_of_equal_weight_are_judged_alike(values: list[float]) -> None:
    margins = np.array(values, dtype=np.float32)
    starts, ones = np.arange(len(values)), np.ones(len(values))
    even, weighed = (density_margin(margins, Plan(starts, ones, even=even)) for even in (True, False))
    assert even == weighed


@given(MARGINS, st.randoms(use_true_random=False))
def test_the_order_of_windows_says_nothing(values: list[float], chance: object) -> None:
    order = list(range(len(values)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    weights = np.arange(1, len(values) + 1, dtype=np.float64)
    margins = np.array(values, dtype=np.float32)
    one = density_margin(margins, Plan(np.arange(len(values)), weights))
    assert one == density_margin(margins[order], Plan(np.arange(len(values)), weights[order]))


@given(MARGINS, st.floats(0, 3, width=32))
def test_a_margin_is_reached_by_enough_of_the_text_and_moves_with_it(values: list[float], more: float) -> None:
    margins = np.array(values, dtype=np.float32)
    plan = Plan(np.arange(len(values)), np.ones(len(values)), even=True)
    found = density_margin(margins, plan)
    share = float((margins >= found).mean())
    above = float((margins > found).mean())
    assert share >= MIN_DENSITY - 1e-9 and above < MIN_DENSITY + 1e-9
    assert density_margin(margins + np.float32(more), plan) == pytest.approx(found + more, abs=1e-5)


@pytest.mark.parametrize(("harmful", "of", "found"), [(1, 6, True), (1, 7, False), (2, 8, True), (1, 1, True)])
def test_one_of_six_windows_is_enough_and_one_of_seven_is_not(harmful: int, of: int, found: bool) -> None:
    margins = np.array([1.0] * harmful + [-1.0] * (of - harmful), dtype=np.float32)
    plan = Plan(np.arange(of), np.ones(of), even=True)
    assert (density_margin(margins, plan) > 0) is found


@given(st.integers(0, 1 << 22))
def test_a_table_s_size_is_a_power_of_two_that_columns_can_reach(columns: int) -> None:
    assert is_table_size(columns) == (columns in {1 << bits for bits in range(1, MAX_COLUMN_BITS + 1)})


@given(st.integers(1, MAX_COLUMN_BITS))
def test_a_smaller_table_looks_at_the_upper_bits(bits: int) -> None:
    assert ((1 << MAX_COLUMN_BITS) - 1) >> unused_bits(1 << bits) == (1 << bits) - 1


@given(st.lists(st.integers(0, 15), min_size=1, max_size=20), st.floats(-3, 3))
def test_a_window_s_margin_is_a_sum_over_a_root(columns: list[int], intercept: float) -> None:
    weights = np.linspace(-1, 1, 16, dtype=np.float32)
    (margin,) = window_margins(np.array([columns]), weights, intercept)
    by_hand = sum(float(weights[column]) for column in columns) / math.sqrt(len(columns)) + intercept
    assert margin == pytest.approx(by_hand, abs=1e-4)


@given(st.floats(-800, 800))
def test_the_sigmoid_is_symmetric_rises_and_never_overflows(value: float) -> None:
    assert 0 <= sigmoid(value) <= 1
    assert sigmoid(value) + sigmoid(-value) == pytest.approx(1)
    assert sigmoid(value) <= sigmoid(value + 1)
    assert sigmoid(0) == 0.5
