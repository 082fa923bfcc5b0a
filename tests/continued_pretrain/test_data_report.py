from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hanhua.continued_pretrain.data_report import corpus_report, new_token_report, times_seen
from hanhua.continued_pretrain.mixture import Mixture
from hanhua.continued_pretrain.pack import PackedCorpus
from hanhua.continued_pretrain.training_data import TrainingData


def corpus(name: str, tokens: list[int], starts: list[int]) -> PackedCorpus:
    return PackedCorpus(name, "zh", np.array(tokens, dtype=np.uint32), np.array(starts, dtype=np.int64))


@pytest.fixture
def data() -> TrainingData:
    """Sequences of three: of `a` the first twice and the second once, of `b` one."""
    a = corpus("a", [1, 2, 8, 3, 8, 9, 0], [0, 4])
    b = corpus("b", [7, 7, 7, 7], [0])
    order = Mixture(("a", "b"), np.array([0, 1, 0, 0], np.int16), np.array([0, 0, 1, 0], np.int64))
    return TrainingData({"a": a, "b": b}, order, np.ones(11, dtype=np.int16), 3)


def test_each_token_is_counted_as_often_as_the_run_shows_it(data: TrainingData) -> None:
    expected = np.zeros(11, dtype=np.int64)
    for place in range(4):
        np.add.at(expected, data.batch(place, 1).input_ids_BL.ravel(), 1)
    assert times_seen(data).tolist() == expected.tolist() == [0, 2, 2, 1, 0, 0, 0, 3, 3, 1, 0]


def test_new_tokens_are_reported_with_those_never_seen(data: TrainingData) -> None:
    report = new_token_report(data, 8)
    expected: dict[str, Any] = {"share": 0.333333, "tokens": 3, "never": 1, "seldom": 2, "median": 1.0}
    assert report == {**expected, "least": 0, "most": 3}
    assert new_token_report(data, None) == {}


def test_passes_and_shares_are_those_of_the_order(data: TrainingData) -> None:
    report = corpus_report(data)
    assert report["a"] == {"tokens": 9, "epochs": 1.5, "documents": 2, "share": 0.75}
    assert report["b"]["epochs"] == 1.0
