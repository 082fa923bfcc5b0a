from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.schedule import rate_factor


def factors(steps: int = 100, **settings: Any) -> list[float]:
    config = ContinuedPretrainConfig(warmup_ratio=0.1, **settings)
    return [rate_factor(step, steps=steps, config=config) for step in range(steps)]


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_rises_then_falls_to_the_lowest(schedule: str) -> None:
    found = factors(schedule=schedule, min_learning_rate_ratio=0.1)
    assert 0 < found[0] < found[5] < found[9] < 1
    assert found[10] == 1.0
    assert found[10:] == sorted(found[10:], reverse=True)
    assert found[-1] == pytest.approx(0.1)


def test_wsd_stays_until_its_decay() -> None:
    found = factors(schedule="wsd", decay_ratio=0.2)
    assert set(found[10:80]) == {1.0}
    assert found[81] < 1.0


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_short_runs_learn_at_all(schedule: str, steps: int) -> None:
    assert all(0 < factor <= 1 for factor in factors(steps, schedule=schedule, min_learning_rate_ratio=0.0)[:-1] or [1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_tokens": 100}, "less than one step"),
        ({"weights": {"zh": -1.0}}, "0 or more"),
        ({"weights": {"zh": 0.0}}, "nothing to train on"),
        ({"schedule": "wsd", "warmup_ratio": 0.5, "decay_ratio": 0.6}, "above 1"),
        ({"lr": 1.0}, "Extra inputs"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ContinuedPretrainConfig(**settings)
