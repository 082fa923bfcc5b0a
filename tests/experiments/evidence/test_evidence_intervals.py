"""Intervals of documents and seeds against every outcome counted out, and against what they promise."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.experiments.evidence import intervals
from hanhua.experiments.evidence.intervals import crossing, paired_difference, unpaired_difference, widening


def every_outcome(arm_SD: np.ndarray, reference_SD: np.ndarray) -> np.ndarray:
    """Return the share of every way to draw documents and seeds, each way equally likely."""
    seeds, documents = arm_SD.shape
    wide, found = widening(seeds), []
    for drawn_D in product(range(documents), repeat=documents):
        chosen = list(drawn_D)
        base = reference_SD[:, chosen].sum() / seeds
        sums = (arm_SD - reference_SD)[:, chosen].sum(axis=1)
        for drawn_S in product(range(seeds), repeat=seeds):
            spread = sum(float(sums[s] - sums.mean()) for s in drawn_S) / seeds
            found.append((sums.mean() + wide * spread) / base)
    return np.array(found)


def test_drawing_comes_to_what_counting_every_outcome_does() -> None:
    chance = np.random.default_rng(3)
    reference = chance.uniform(50, 100, size=(2, 4))
    arm = reference * chance.normal(1.02, 0.03, size=(2, 4))
    sizes = chance.uniform(20, 40, size=4)
    found = paired_difference(arm, reference, sizes, resamples=60_000)
    outcomes = every_outcome(arm, reference)
    low, high = np.quantile(outcomes, [0.025, 0.975])
    spread = outcomes.std()
    assert found.share == pytest.approx((arm - reference).sum() / reference.sum())
    assert found.absolute == pytest.approx((arm - reference).sum() / 2 / sizes.sum())
    assert abs(found.low - low) < 0.1 * spread and abs(found.high - high) < 0.1 * spread


def test_three_seeds_cover_what_they_promise() -> None:
    """Where seeds alone differ, the interval of three holds the truth about as often as it says; plain ones do not."""
    chance = np.random.default_rng(0)
    covered = plain = 0
    rounds = 250
    for number in range(rounds):
        apart = chance.normal(0, 1, size=(3, 1)) * np.ones((1, 20))
        reference = np.full((3, 20), 100.0)
        found = paired_difference(reference + apart, reference, np.full(20, 50.0), resamples=300, seed=number)
        covered += found.low <= 0 <= found.high
        middle = found.share
        plain += abs(middle) <= (found.high - middle) / widening(3)
    assert 0.90 <= covered / rounds <= 0.99
    assert plain / rounds < 0.85


def test_a_twin_s_interval_holds_no_difference_as_often_as_it_says() -> None:
    chance = np.random.default_rng(1)
    rounds, held = 300, 0
    for number in range(rounds):
        documents = chance.uniform(50, 150, size=(1, 12))
        sides = [documents * (1 + 0.01 * chance.normal(size=(3, 1))) for _ in range(2)]
        found = unpaired_difference(*sides, np.full(12, 30.0), resamples=300, seed=number, level=0.95)
        held += found.low <= 0 <= found.high
    assert held / rounds >= 0.93


def test_one_seed_and_equal_arms() -> None:
    bits = np.array([[3.0, 4.0, 5.0]])
    same = paired_difference(bits, bits, np.ones(3), resamples=200)
    assert (same.share, same.low, same.high) == (0.0, 0.0, 0.0)
    assert paired_difference(bits * 1.1, bits, np.ones(3), resamples=200).low == pytest.approx(0.1)


@given(st.lists(st.tuples(st.floats(0.5, 5), st.floats(0.5, 5)), min_size=2, max_size=8))
def test_a_crossing_is_where_one_curve_stays_below_the_other(pairs: list[tuple[float, float]]) -> None:
    xs, (ours, theirs) = np.arange(len(pairs), dtype=float), np.array(pairs).T
    at = crossing(xs, ours, theirs)
    fine = np.linspace(0, len(pairs) - 1, 997)
    apart = np.interp(fine, xs, ours - theirs)
    if at is None:
        assert apart[-1] > 0
    else:
        assert (apart[fine >= at] <= 1e-9).all()
        before = apart[fine < at]
        assert not len(before) or before[-1] >= -0.02 * np.abs(ours - theirs).max()


def test_the_table_of_student_is_the_formula_s() -> None:
    for freedom, value in enumerate(intervals.STUDENT_975[1:], start=1):
        # t = tan a, so that the whole half line is an interval.
        angles = np.linspace(0, np.pi / 2, 20_001)[:-1]
        density = (1 + np.tan(angles) ** 2 / freedom) ** (-(freedom + 1) / 2) / np.cos(angles) ** 2
        inside = angles <= np.arctan(value)
        assert np.trapezoid(density[inside], angles[inside]) / np.trapezoid(density, angles) == pytest.approx(
            0.95, abs=1e-3
        )
