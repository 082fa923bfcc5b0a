from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.vocab_extension.learning.agreement import by_agreement, scores

KNOWN = frozenset(character.encode() for character in "一二三四五")


def test_what_two_sources_have_comes_before_what_one_has_alone() -> None:
    weight_CR = np.array([[1000.0, 0.0], [400.0, 400.0], [0.0, 1000.0]])
    worth_C = scores(weight_CR, weight_CR.sum(axis=1), exponent=0.5)
    assert worth_C[1] > worth_C[0] == worth_C[2]
    plain_C = scores(weight_CR, weight_CR.sum(axis=1), exponent=1)
    assert plain_C.tolist() == [1000, 800, 1000]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=8), st.floats(0.1, 1))
def test_one_source_alone_is_summed_whatever_the_exponent(weights: list[int], exponent: float) -> None:
    weight_CR = np.array(weights, dtype=float)[:, None]
    listed_C = np.arange(len(weights), dtype=float)
    worth_C = scores(weight_CR, weight_CR[:, 0] + listed_C, exponent=exponent)
    assert worth_C == pytest.approx(weight_CR[:, 0] + listed_C, abs=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9999)), min_size=2, max_size=8), st.floats(0.1, 1))
def test_the_sum_over_all_candidates_stays(weights: list[tuple[int, int]], exponent: float) -> None:
    weight_CR = np.array(weights, dtype=float)
    worth_C = scores(weight_CR, weight_CR.sum(axis=1), exponent=exponent)
    # Where the one source has only what the other lacks, nothing is left of either.
    together = ((weight_CR > 0).all(axis=1)).any()
    if together:
        assert worth_C.sum() == pytest.approx(weight_CR.sum(), abs=len(weights))


def test_a_token_never_comes_before_what_it_is_made_of() -> None:
    tokens = [text.encode() for text in ("一二", "三四", "一二三", "一二三四")]
    # 一二三四 is worth most, and 三四 spells it with 一二; 一二三 is worth least and not needed.
    evidence_CR = np.array([[50.0, 50.0], [60.0, 60.0], [10.0, 10.0], [90.0, 90.0]])
    order = by_agreement(tokens, evidence_CR, exponent=0.5, known=KNOWN)
    assert order == [1, 0, 3, 2]


def test_what_must_become_a_token_comes_first() -> None:
    tokens = [text.encode() for text in ("五一", "一二")]
    evidence_CR = np.array([[0.0, np.inf], [60.0, 60.0]])
    assert by_agreement(tokens, evidence_CR, exponent=0.5, known=KNOWN) == [0, 1]
