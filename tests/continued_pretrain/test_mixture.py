from __future__ import annotations

import numpy as np
import pytest

from hanhua.continued_pretrain.mixture import order_mixture, resolve_weights, run_sequences
from hanhua.errors import InputError

SEQUENCES = {"zh": 100, "en": 20, "code": 7}


def test_weights_are_shares_and_none_are_sizes() -> None:
    assert resolve_weights({"zh": 3, "en": 1, "code": 0}, SEQUENCES, length=8) == {"zh": 0.75, "en": 0.25}
    assert resolve_weights({}, SEQUENCES, length=8)["zh"] == pytest.approx(100 / 127)


@pytest.mark.parametrize(
    ("weights", "sequences", "message"),
    [
        ({"zh": 1.0}, {}, "nothing to train on"),
        ({"zh": 1.0}, {"zh": 5, "en": 5}, "no weight for the corpus 'en'"),
        ({"zh": 1.0, "en": 0.5}, {"zh": 5}, "'en' .* has no document"),
        ({"zh": 1.0}, {"zh": 0}, "shorter than one sequence of 8 tokens"),
        ({}, {"zh": 0}, "shorter than one sequence"),
    ],
)
def test_what_cannot_be_mixed_is_refused(weights: dict[str, float], sequences: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve_weights(weights, sequences, length=8)


def test_a_run_is_whole_steps_within_max_tokens() -> None:
    shares = {"zh": 0.8, "en": 0.2}
    settings = {"length": 8, "step_sequences": 3}
    assert run_sequences(shares, SEQUENCES, max_tokens=8 * 100 + 7, epochs=9.0, **settings) == 99
    # One pass over zh (100 sequences, 0.8 of the run) is a run of 125.
    assert run_sequences(shares, SEQUENCES, max_tokens=None, epochs=1.0, **settings) == 123
    with pytest.raises(InputError, match="less than one step"):
        run_sequences(shares, SEQUENCES, max_tokens=16, epochs=1.0, **settings)


def test_every_stretch_of_the_run_is_close_to_the_mixture() -> None:
    mixture = order_mixture({"en": 0.2, "zh": 0.8}, SEQUENCES, total=200, seed=3)
    assert mixture.counts() == {"en": 40, "zh": 160}
    for low in range(0, 200, 20):
        english = int((mixture.corpus_S[low : low + 20] == mixture.names.index("en")).sum())
        assert 3 <= english <= 5


def test_nothing_comes_twice_before_everything_came_once() -> None:
    mixture = order_mixture({"en": 0.5, "zh": 0.5}, SEQUENCES, total=120, seed=0)
    english = mixture.index_S[mixture.corpus_S == mixture.names.index("en")]
    assert len(english) == 60
    for low in range(0, 60, 20):
        assert sorted(english[low : low + 20]) == list(range(20))
    assert not np.array_equal(english[:20], english[20:40])
    chinese = mixture.index_S[mixture.corpus_S == mixture.names.index("zh")]
    assert len(set(chinese.tolist())) == 60


def test_the_order_is_the_seeds() -> None:
    def order(seed: int) -> list[int]:
        return order_mixture({"en": 0.5, "zh": 0.5}, SEQUENCES, total=60, seed=seed).index_S.tolist()

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_a_corpus_of_a_tiny_share_may_give_nothing() -> None:
    mixture = order_mixture({"code": 0.001, "zh": 0.999}, SEQUENCES, total=50, seed=0)
    assert mixture.counts() == {"code": 0, "zh": 50}
