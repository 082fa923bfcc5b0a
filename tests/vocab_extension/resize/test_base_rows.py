from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from hanhua.vocab_extension.resize.base_rows import Rows, examine_rows
from hanhua.vocab_extension.resize.shards import from_float32, to_float32

VOCABULARY, WIDTH = 3000, 32
SUSPECTS = np.arange(2900, VOCABULARY)
NONE = np.zeros(0, dtype=np.int64)
Matrix = npt.NDArray[np.float32]


def trained_rows(seed: int = 0) -> Matrix:
    """Rows with a large common part, as heads have, so that all of them point somewhat the same way."""
    generator = np.random.default_rng(seed)
    return (generator.normal(0, 1, (VOCABULARY, WIDTH)) + generator.normal(0, 0.7, WIDTH)).astype(np.float32)


def examine(rows_VD: Matrix, dtype: str = "BF16", unseen: npt.NDArray[np.int64] = NONE) -> Rows:
    return examine_rows(from_float32(rows_VD, dtype), dtype, suspects=SUSPECTS, unseen=unseen)


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_trained_rows_are_left_alone(dtype: str) -> None:
    assert examine(trained_rows(), dtype).untrained_ids == []


def test_rows_next_to_zero_are_found_anywhere() -> None:
    rows_VD = trained_rows()
    rows_VD[[7, 2950]] *= 1e-4
    rows_VD[8] = 0
    assert examine(rows_VD).untrained_ids == [7, 8, 2950]


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_equal_rows_are_found_anywhere(dtype: str) -> None:
    rows_VD = trained_rows()
    rows_VD[[3, 1500, 2999]] = rows_VD[3]
    assert examine(rows_VD, dtype).untrained_ids == [3, 1500, 2999]


def test_near_copies_are_found_among_tokens_no_text_holds() -> None:
    rows_VD = trained_rows()
    noise = np.random.default_rng(1).normal(0, 0.01, (50, WIDTH)).astype(np.float32)
    rows_VD[2900:2950] = rows_VD[2900] * (1 + noise)
    # The same among ordinary tokens: two spellings of a word may well be close.
    rows_VD[100:110] = rows_VD[100] * (1 + noise[:10])
    assert examine(rows_VD).untrained_ids == list(range(2900, 2950))


def test_rows_of_one_direction_and_unlike_length_are_no_copies() -> None:
    rows_VD = trained_rows()
    rows_VD[2901] = 1.5 * rows_VD[2900]
    assert examine(rows_VD).untrained_ids == []


def test_what_was_never_an_input_was_never_a_target() -> None:
    assert examine(trained_rows(), unseen=np.array([5, 2901])).untrained_ids == [5, 2901]


def test_rows_that_are_not_finite_are_left_out() -> None:
    rows_VD = trained_rows()
    rows_VD[4, 3], rows_VD[9, 0] = np.nan, np.inf
    assert examine(rows_VD).untrained_ids == [4, 9]


def test_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows_VD = trained_rows()
    rows_VD[2900:2990] = rows_VD[2900]
    rows_VD[2900:2990] *= 1 + np.linspace(0, 0.01, 90, dtype=np.float32)[:, None]
    rows_VD[[0, 2000]] = rows_VD[0]
    whole = examine(rows_VD)
    monkeypatch.setattr("hanhua.vocab_extension.resize.base_rows._SLICE_VALUES", WIDTH * 7)
    sliced = examine(rows_VD)
    assert sliced.untrained_ids == whole.untrained_ids == [0, 2000, *range(2900, 2990)]
    assert np.array_equal(sliced.norms_V, whole.norms_V)
    ids = np.flatnonzero(whole.trained_V)
    stored = to_float32(np.asarray(whole.stored_VD[ids]), whole.dtype)
    np.testing.assert_allclose(sliced.mean_over(ids, lambda rows: rows), stored.mean(axis=0, dtype=np.float64))
