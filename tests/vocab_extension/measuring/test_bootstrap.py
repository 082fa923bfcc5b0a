import numpy as np
import pytest

from hanhua.vocab_extension.measuring.bootstrap import MAX_GROUPS, interval_of, resampled_totals


def planted(documents: int, seed: int) -> np.ndarray:
    """Columns of characters and tokens, 1.5 characters per token in truth."""
    draw = np.random.default_rng(seed)
    characters = draw.integers(50, 5000, size=documents)
    tokens = np.maximum((characters / draw.normal(1.5, 0.2, size=documents)).astype(np.int64), 1)
    return np.stack([characters, tokens], axis=1)


def interval(columns: np.ndarray, seed: int = 0) -> tuple[float, float]:
    totals = resampled_totals(columns, seed=seed)
    assert totals is not None
    return interval_of(totals[:, 0] / totals[:, 1])


def test_intervals_cover_a_planted_ratio() -> None:
    everything = planted(400_000, 1)
    truth = everything[:, 0].sum() / everything[:, 1].sum()
    found = [interval(planted(80, seed)) for seed in range(100, 140)]
    assert sum(low <= truth <= high for low, high in found) >= 33  # 38 expected; fewer than 33: chance under 0.2%


def test_the_same_documents_give_the_same_interval() -> None:
    assert interval(planted(300, 0)) == interval(planted(300, 0))
    assert interval(planted(300, 0)) != interval(planted(300, 0), seed=1)


def test_dealing_many_documents_into_groups_keeps_the_spread() -> None:
    columns = planted(3 * MAX_GROUPS, 2)
    low, high = interval(columns)
    ratio = columns[:, 0].sum() / columns[:, 1].sum()
    # The textbook's linearized standard error of a ratio.
    residuals = columns[:, 0] - ratio * columns[:, 1]
    error = np.sqrt((residuals**2).sum()) / columns[:, 1].sum()
    assert low < ratio < high
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.12)


def test_one_document_has_no_interval() -> None:
    assert resampled_totals(planted(1, 0)) is None
    assert resampled_totals(np.zeros((0, 2), dtype=np.int64)) is None


def test_equal_documents_leave_nothing_to_chance() -> None:
    assert interval(np.tile([[30, 20]], (50, 1))) == (1.5, 1.5)


def test_resamples_that_are_no_number_do_not_count() -> None:
    assert interval_of(np.array([np.nan, 2.0, np.inf, 2.0])) == (2.0, 2.0)
    assert interval_of(np.array([np.nan])) == (0.0, 0.0)
