"""The table of every measure: a benchmark's questions found in the training corpus, or said not to be there."""

from __future__ import annotations

from typing import Any

import pytest

from hanhua.figures.score_table import score_rows

ACCURACY = {"accuracy": 0.5, "interval": [0.3, 0.7], "flags": []}


@pytest.mark.parametrize(
    ("held", "row"),
    [
        (0, ("  none of its questions is in the training corpus", "")),
        (3, ("  3 of its questions are in the training corpus; without them", "50.0% [30.0%, 70.0%]")),
    ],
)
def test_contamination_is_a_row_of_its_own(held: int, row: tuple[str, ...]) -> None:
    scores: dict[str, Any] = {
        "models": ["base"],
        "benchmarks": {"quiz": {"base": ACCURACY}},
        "contamination": {"quiz": {"held": held, "accuracy_without": {"base": ACCURACY}}},
    }
    assert list(score_rows(scores)) == [("accuracy, quiz", "50.0% [30.0%, 70.0%]"), row]
