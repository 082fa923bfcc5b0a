from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.continued_pretrain.mixture import Mixture
from hanhua.continued_pretrain.retention.replay_order import (
    ReplayOrder,
    next_share,
    plan_replay_order,
)
from hanhua.continued_pretrain.retention.settings import ReplaySettings
from hanhua.errors import InputError

STEPS, BATCH = 50, 8
SEQUENCES = {"zh_a": 300, "zh_b": 100, "en": 40, "code": 40}
SETTINGS = ReplaySettings(corpora=("en", "code"), min_share=0.05, max_share=0.4)
WEIGHTS = {"zh_a": 0.6, "zh_b": 0.2, "en": 0.15, "code": 0.05}


def order(**changes: Any) -> ReplayOrder:
    given: dict[str, Any] = {"total": STEPS * BATCH, "batch_sequences": BATCH, "seed": 3} | changes
    return plan_replay_order(SETTINGS, WEIGHTS, SEQUENCES, **given)


def replayed(mixture: Mixture, steps: slice) -> float:
    numbers = [mixture.names.index(name) for name in SETTINGS.corpora]
    chosen = mixture.corpus_S[steps.start * BATCH : steps.stop * BATCH]
    return float(np.isin(chosen, numbers).mean())


def test_it_begins_with_the_share_of_the_weights_and_keeps_to_each_share() -> None:
    planned = order()
    assert planned.start_share == pytest.approx(0.2)
    mixture = planned.mixture([(0, 0.2), (10, 0.4), (30, 0.05)])
    assert replayed(mixture, slice(0, 10)) == pytest.approx(0.2, abs=1 / 80)
    assert replayed(mixture, slice(10, 30)) == pytest.approx(0.4, abs=1 / 80)
    assert replayed(mixture, slice(30, 50)) == pytest.approx(0.05, abs=1 / 80)
    english, code = (int((mixture.corpus_S == mixture.names.index(name)).sum()) for name in ("en", "code"))
    assert english == pytest.approx(3 * code, abs=4), "inside replay the weights hold"


@given(
    st.lists(st.tuples(st.integers(1, STEPS), st.floats(0.05, 0.4)), max_size=6),
    st.integers(1, STEPS),
    st.floats(0.05, 0.4),
)
def test_a_later_share_changes_nothing_before_it(shares: list[tuple[int, float]], step: int, share: float) -> None:
    planned = order()
    past = [(0, 0.2), *sorted(pair for pair in shares if pair[0] < step)]
    one, other = planned.mixture(past), planned.mixture([*past, (step, share)])
    assert np.array_equal(one.corpus_S[: step * BATCH], other.corpus_S[: step * BATCH])
    assert np.array_equal(one.index_S[: step * BATCH], other.index_S[: step * BATCH])


@given(st.lists(st.tuples(st.integers(0, STEPS), st.floats(0.01, 0.9)), min_size=1, max_size=6))
def test_no_sequence_comes_twice_before_its_corpus_came_once(shares: list[tuple[int, float]]) -> None:
    mixture = order().mixture([(0, 0.2), *sorted(shares)])
    for number, name in enumerate(mixture.names):
        index = mixture.index_S[mixture.corpus_S == number]
        for low in range(0, len(index), SEQUENCES[name]):
            part = index[low : low + SEQUENCES[name]]
            assert len(set(part.tolist())) == len(part)


def test_replay_is_spread_over_a_step() -> None:
    """Else one micro-batch would hold all of it."""
    mixture = order().mixture([(0, 0.25)])
    numbers = [mixture.names.index(name) for name in SETTINGS.corpora]
    halves = np.isin(mixture.corpus_S, numbers).reshape(STEPS, 2, BATCH // 2).sum(axis=2)
    assert (halves == 1).all()


def test_steering_fills_the_arrays_that_others_hold() -> None:
    planned = order()
    mixture = planned.mixture([(0, 0.2)])
    corpus_S = mixture.corpus_S
    planned.steer(mixture, [(0, 0.2), (20, 0.4)])
    assert corpus_S is mixture.corpus_S
    assert replayed(mixture, slice(20, 50)) == pytest.approx(0.4, abs=1 / 80)


@given(st.floats(0.05, 0.4), st.floats(-1, 1))
def test_the_share_stays_within_its_limits_and_moves_towards_the_target(share: float, upper: float) -> None:
    after = next_share(share, upper, SETTINGS)
    assert 0.05 <= after <= 0.4
    if upper > SETTINGS.target_loss_increase / 2:
        assert after >= share
    elif upper < SETTINGS.target_loss_increase / 2:
        assert share >= after >= share * 0.84, "slowly, since a low measurement may be chance"


def test_corpora_that_are_not_there_or_all_there_is_are_refused() -> None:
    with pytest.raises(InputError, match="'code' takes no part in the mixture"):
        plan_replay_order(SETTINGS, {"zh_a": 1.0}, SEQUENCES, total=8, batch_sequences=8, seed=0)
    with pytest.raises(InputError, match="nothing new is left to learn"):
        plan_replay_order(SETTINGS, {"en": 0.5, "code": 0.5}, SEQUENCES, total=8, batch_sequences=8, seed=0)
