"""Positions grouped by pair, and what is left of them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.vocab_extension.learning import pair_index
from hanhua.vocab_extension.learning.pair_index import KEY_BITS, PairIndex, PairQueue, index_pairs

PLACES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40)


def indexed(places: list[tuple[int, int]]) -> tuple[PairIndex, dict[int, list[int]]]:
    wanted: dict[int, list[int]] = defaultdict(list)
    for at, (left, right) in enumerate(places):
        wanted[left << KEY_BITS | right].append(at)
    left_P, right_P = np.array(places, dtype=np.int32).reshape(-1, 2).T
    return index_pairs(left_P, right_P, np.arange(len(places), dtype=np.int32)), dict(sorted(wanted.items()))


@given(PLACES, st.booleans())
def test_each_pair_has_its_positions_in_order(places: list[tuple[int, int]], packed: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_index, "_SORTED_BITS", 63 if packed else 0)
        index, wanted = indexed(places)
    assert index.key_K.tolist() == list(wanted)
    assert {key: index.positions(key).tolist() for key in wanted} == wanted
    assert index.positions(9 << KEY_BITS).tolist() == []


@given(PLACES, st.data())
def test_some_pairs_and_some_of_their_positions_can_be_kept(places: list[tuple[int, int]], data: st.DataObject) -> None:
    index, wanted = indexed(places)
    kept_K = np.array([data.draw(st.booleans()) for _ in wanted], dtype=bool)
    index = index.only(kept_K)
    wanted = {key: found for (key, found), kept in zip(wanted.items(), kept_K, strict=True) if kept}
    for key, found in wanted.items():
        wanted[key] = [position for position in found if data.draw(st.booleans())]
        index.keep(key, np.array(wanted[key], dtype=np.int64))
    assert {key: index.positions(key).tolist() for key in wanted} == wanted


def test_the_queue_gives_the_greatest_first_and_of_equals_the_least_key() -> None:
    queue = PairQueue()
    queue.add_all(np.array([3, 9, 3, 5]), np.array([1, 2, 4, 8]))
    queue.push(5, 7)
    assert not queue.comes_before(9, 1) and queue.comes_before(9, 3)
    assert [queue.pop() for _ in range(6)] == [(9, 2), (5, 7), (5, 8), (3, 1), (3, 4), None]
