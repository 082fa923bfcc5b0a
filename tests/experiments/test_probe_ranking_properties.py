"""A ranking: its order is that of the figures, the best is behind nobody, and the order of methods says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.experiments.probe_ranking import NEGLIGIBLE_BITS, SIMPLEST_FIRST, Measured, rank, recommended, verdict

LEVELS = st.dictionaries(st.sampled_from(SIMPLEST_FIRST), st.floats(1, 3), min_size=1, max_size=4)
SIZES = [900, 1100, 1000, 500]


def measured(levels: dict[str, float], seed: int) -> dict[str, Measured]:
    chance = np.random.default_rng(seed)
    shared = chance.normal(0, 50, len(SIZES))
    after = {name: level * np.array(SIZES) + shared + chance.normal(0, 5, (2, 4)) for name, level in levels.items()}
    return {name: Measured(bits + 300, bits) for name, bits in after.items()}


@given(LEVELS, st.integers(0, 99))
@settings(max_examples=15)
def test_the_order_is_that_of_the_figures(levels: dict[str, float], seed: int) -> None:
    given_ = measured(levels, seed)
    found = rank(given_, SIZES)
    assert [one.after for one in found] == sorted(one.after for one in found)
    assert not found[0].behind and found[0].difference == 0 and found[0].interval is None
    for one in found:
        bits = given_[one.method].after_SD
        assert one.after == pytest.approx(bits.mean(axis=0).sum() / sum(SIZES))
        assert one.before == pytest.approx(one.after + 4 * 300 / sum(SIZES))
        assert one.difference == pytest.approx(one.after - found[0].after)
        if one.behind:
            assert one.interval is not None and one.interval[0] > 0 and one.difference >= NEGLIGIBLE_BITS


@given(LEVELS, st.integers(0, 99))
@settings(max_examples=10)
def test_the_order_in_which_methods_are_given_says_nothing(levels: dict[str, float], seed: int) -> None:
    some = measured(levels, seed)
    assert rank(some, SIZES) == rank(dict(reversed(some.items())), SIZES)


@given(LEVELS, st.integers(0, 99))
@settings(max_examples=10)
def test_the_simplest_of_those_not_behind_is_taken(levels: dict[str, float], seed: int) -> None:
    found = rank(measured(levels, seed), SIZES)
    level = {one.method for one in found if not one.behind}
    assert recommended(found) == next(name for name in SIMPLEST_FIRST if name in level)
    lines = verdict(found)
    assert len(lines) == max(len(found) - 1, 1)
    assert sum("is ahead of" in line for line in lines) == sum(one.behind for one in found)


def test_one_document_tells_nothing_apart() -> None:
    one = Measured(np.array([[9.0]]), np.array([[5.0]]))
    other = Measured(np.array([[9.0]]), np.array([[8.0]]))
    found = rank({"mean": one, "random": other}, [10])
    assert verdict(found) == ["mean and random: one held-out document cannot tell them apart"]
    assert not found[1].behind and verdict(found[:1]) == ["only mean was tried"]
