from __future__ import annotations

import numpy as np
import pytest

from hanhua.experiments.probe_ranking import Measured, rank, recommended, verdict

SIZES = [1000] * 60


def bits(per_byte: float, *, noise: float = 0.0, seed: int = 0, seeds: int = 3) -> Measured:
    """Bits of 60 documents that differ among themselves far more than the methods do."""
    generator = np.random.default_rng(1)
    shared_D = generator.normal(0, 200, len(SIZES))
    own_SD = np.random.default_rng(seed + 2).normal(0, noise * 1000, (seeds, len(SIZES)))
    after_SD = per_byte * 1000 + shared_D + own_SD
    return Measured(after_SD + 500, after_SD)


def test_a_small_steady_difference_shows_through_documents_that_differ_much() -> None:
    found = rank({"mean": bits(2.0, noise=0.01), "calibrated": bits(1.99, noise=0.01, seed=5)}, SIZES)
    assert [standing.method for standing in found] == ["calibrated", "mean"]
    best, other = found
    assert best.interval is None
    assert not best.behind
    assert other.interval is not None
    assert other.interval[0] < other.difference < other.interval[1]
    assert other.behind
    assert other.difference == pytest.approx(0.01, abs=0.005)
    assert other.before - other.after == pytest.approx(0.5)
    assert verdict(found)[0].startswith("calibrated is ahead of mean by 0.0")
    assert recommended(found) == "calibrated"


def test_noise_is_no_difference_and_the_simpler_is_taken() -> None:
    found = rank({"calibrated": bits(2.0, noise=0.2), "mean": bits(2.0, noise=0.2, seed=9)}, SIZES)
    assert verdict(found) == [f"{found[0].method} and {found[1].method}: no difference that this probe can see"]
    assert recommended(found) == "mean"


def test_a_difference_of_one_seed_only_is_not_taken_for_one_of_the_method() -> None:
    lucky = bits(2.0, noise=0.001)
    lucky.after_SD[0] -= 30
    found = rank({"lucky": lucky, "mean": bits(2.0, noise=0.001, seed=3)}, SIZES)
    assert found[0].method == "lucky"
    assert not found[1].behind


def test_equal_runs_are_level_though_their_interval_is_a_point() -> None:
    found = rank({"b": bits(2.0), "a": bits(2.0)}, SIZES)
    assert [standing.method for standing in found] == ["a", "b"]
    assert not found[1].behind


def test_one_document_or_one_method_says_so() -> None:
    one = Measured(np.array([[20.0]]), np.array([[10.0]]))
    assert verdict(rank({"a": one, "b": one}, [10])) == ["a and b: one held-out document cannot tell them apart"]
    assert verdict(rank({"a": one}, [10])) == ["only a was tried"]
