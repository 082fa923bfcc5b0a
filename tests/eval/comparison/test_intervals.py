"""Intervals and paired tests against closed forms and known values."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.eval.comparison.compare import compare_likelihoods, compare_outcomes
from hanhua.eval.comparison.intervals import bootstrap_ratio, fair_coin_p, mcnemar, wilson
from hanhua.eval.language.bits_per_byte import DocumentLikelihood


@given(trials=st.integers(1, 500), data=st.data())
def test_wilson_holds_the_rate_and_stays_in_range(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1
    assert low < high


def test_wilson_known_values() -> None:
    # Newcombe (1998), table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0, 1)


@pytest.mark.parametrize("tosses", range(9))
def test_fair_coin_is_the_exact_binomial(tosses: int) -> None:
    for rarer in range(tosses // 2 + 1):
        as_few = sum(min(sum(c), tosses - sum(c)) <= rarer for c in itertools.product((0, 1), repeat=tosses))
        assert fair_coin_p(rarer, tosses) == pytest.approx(min(1, as_few / 2**tosses))


def test_fair_coin_is_finite_for_large_benchmarks() -> None:
    assert fair_coin_p(5000, 10000) == 1
    assert 0 < fair_coin_p(4800, 10000) < 1e-3


def test_mcnemar_counts_cells() -> None:
    found = mcnemar([True, True, False, False, True], [True, False, True, False, False])
    assert (found.both, found.only_before, found.only_after, found.neither) == (1, 2, 1, 1)


def test_bootstrap_is_seeded_and_covers_a_planted_ratio() -> None:
    draw = random.Random(0)
    covered = 0
    for trial in range(40):
        sizes = [draw.uniform(50, 150) for _ in range(60)]
        values = [size * draw.gauss(2.0, 0.5) for size in sizes]
        interval = bootstrap_ratio(values, sizes, seed=trial)
        assert interval is not None
        assert interval == bootstrap_ratio(values, sizes, seed=trial)
        covered += interval[0] <= 2.0 <= interval[1]
    assert covered >= 33  # 95% of 40 is 38; fewer than 33 has a chance below 0.2%


def test_a_planted_difference_is_found_and_inside_its_interval() -> None:
    draw = random.Random(1)
    before = [draw.random() < 0.5 for _ in range(2000)]
    after = [right or draw.random() < 0.2 for right in before]  # +10 points in truth
    found = compare_outcomes(before, after, good=True, seed=0)
    assert found["verdict"] == "better"
    assert found["interval"][0] <= 0.1 <= found["interval"][1]
    assert compare_outcomes(before, after, good=False, seed=0)["verdict"] == "worse"
    assert compare_outcomes(before, before, good=True, seed=0)["verdict"] == "no difference"


def test_verdicts_on_likelihood_ignore_float_noise_and_see_a_planted_change() -> None:
    draw = random.Random(2)
    before = [DocumentLikelihood(str(i), "", 100, 300, 50, draw.uniform(300, 500)) for i in range(40)]

    def changed(by: float) -> list[DocumentLikelihood]:
        return [DocumentLikelihood(d.id, "", 100, 300, 40, d.nats + 100 * by * math.log(2)) for d in before]

    assert compare_likelihoods(before, changed(1e-6), seed=0)["verdict"] == "no difference"
    assert compare_likelihoods(before, changed(0.05), seed=0)["verdict"] == "worse"
    found = compare_likelihoods(before, changed(-0.05), seed=0)
    assert found["verdict"] == "better"
    assert found["difference"] == pytest.approx(-0.05)
    low, high = found["relative"]["interval"]
    share = -0.05 * 100 * math.log(2) / (sum(d.nats for d in before) / len(before))
    assert found["relative"]["change"] == pytest.approx(share) and low < share < high < 0
    halved = [DocumentLikelihood(d.id, "", 100, 300, 40, d.nats / 2) for d in before]
    assert compare_likelihoods(before, halved, seed=0)["relative"] == {
        "change": pytest.approx(-0.5),
        "interval": [pytest.approx(-0.5)] * 2,
    }


def test_one_document_that_differs_is_too_few() -> None:
    (before,) = [DocumentLikelihood("0", "", 100, 300, 50, 400.0)]
    other = DocumentLikelihood("0", "", 100, 300, 50, 300.0)
    found = compare_likelihoods([before], [other], seed=0)
    assert (found["verdict"], found["interval"]) == ("too few documents", None)
    assert compare_likelihoods([before], [before], seed=0)["verdict"] == "no difference"
