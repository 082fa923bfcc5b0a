"""The threshold curve that the band plan states, against the real thing."""

from __future__ import annotations

import numpy as np
import pytest

from hanhua.filtering.config import DuplicatesConfig
from hanhua.filtering.duplicates.curve import match_probability, meeting_probability, similarity_after

PLAN = DuplicatesConfig()


def test_the_figures_in_the_configuration() -> None:
    meeting = {s: meeting_probability(s, bands=PLAN.bands, rows=PLAN.rows) for s in (0.3, 0.4, 0.5, 0.6)}
    assert {s: round(p, 2) for s, p in meeting.items()} == {0.3: 0.2, 0.4: 0.52, 0.5: 0.84, 0.6: 0.98}
    assert [round(similarity_after(e, shingle=5), 2) for e in (0.1, 0.05)] == [0.42, 0.63]


@pytest.mark.parametrize(("bands", "rows", "least"), [(28, 4, 0.6), (14, 8, 0.0), (5, 3, 0.5)])
@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.6, 0.8])
def test_match_probability_is_what_chance_gives(bands: int, rows: int, least: float, similarity: float) -> None:
    rng = np.random.default_rng(0)
    equal = rng.random((20_000, bands, rows)) < similarity
    met = equal.all(axis=2).any(axis=1) & (equal.sum(axis=(1, 2)) >= np.ceil(least * bands * rows))
    exact = match_probability(similarity, bands=bands, rows=rows, min_similarity=least)
    assert met.mean() == pytest.approx(exact, abs=0.012)


def test_it_rises_with_similarity() -> None:
    values = [match_probability(s / 20, bands=28, rows=4, min_similarity=0.6) for s in range(21)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0.0, pytest.approx(1.0))
