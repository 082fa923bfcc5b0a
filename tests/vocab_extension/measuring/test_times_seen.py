import numpy as np
import pytest

from hanhua.vocab_extension.measuring.times_seen import UNSEEN, Budget, times_seen


def test_counts_grow_with_the_budget() -> None:
    counts = np.arange(1, 101)
    seen = times_seen(counts, scale=10, min_seen=100)
    assert seen.median == 505
    assert seen.tenth_percentile == 100
    assert (seen.enough, seen.share_enough) == (91, 0.91)
    assert seen.never_in_sample == 0


@pytest.mark.parametrize(("count", "enough"), [(9, 0), (10, 1), (11, 1)])
def test_often_enough_is_inclusive(count: int, enough: int) -> None:
    assert times_seen(np.array([count]), scale=100, min_seen=1000).enough == enough


def test_what_the_sample_lacks_counts_as_less_than_once() -> None:
    seen = times_seen(np.array([0, 0, 4]), scale=1000, min_seen=1000)
    assert seen.tenth_percentile == UNSEEN * 1000
    assert seen.share_enough == pytest.approx(1 / 3)
    assert seen.never_in_sample == pytest.approx(2 / 3)


def test_the_factor_is_what_the_budget_lacks() -> None:
    counts = np.arange(1, 1001)
    short = times_seen(counts, scale=2, min_seen=1000)
    assert short.share_enough < 0.9
    enough = times_seen(counts, scale=2 * short.budget_factor, min_seen=1000)
    assert enough.share_enough >= 0.9
    assert times_seen(counts, scale=1.9 * short.budget_factor, min_seen=1000).share_enough < 0.9


def test_a_budget_is_megabytes_or_tokens_of_the_base() -> None:
    ratios = {"bytes_per_character": 2.5, "base_characters_per_token": 1.25}
    assert Budget(megabytes=20).characters(**ratios) == 8e6
    assert Budget(tokens=8e6).characters(**ratios) == 1e7
    assert [str(Budget(megabytes=20)), str(Budget(megabytes=2500)), str(Budget(tokens=3e8))] == [
        "20 MB",
        "2.5 GB",
        "300,000,000 tokens",
    ]
