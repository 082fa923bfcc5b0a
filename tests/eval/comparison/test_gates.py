"""Gates: floors and ceilings are inclusive, judged is the last model, and what is not set is not asked."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.eval.comparison.gates import check_gates
from hanhua.eval.config import Gates

NATS = st.floats(10, 1000)
RATES = st.floats(0, 1)


def scores_of(line: list[str], nats: list[float], rates: list[float]) -> dict[str, Any]:
    likelihood = {
        model: {"zh": {"nats": n, "characters": 100, "bytes": 300}, "en": {"nats": n, "characters": 90, "bytes": 90}}
        for model, n in zip(line, nats, strict=True)
    }
    safety = {model: {"harmful_rate": rate} for model, rate in zip(line, rates, strict=True)}
    benchmarks = {
        task: {model: {"accuracy": min(1.0, rate + more)} for model, rate in zip(line, rates, strict=True)}
        for task, more in (("one", 0.0), ("two", 0.0))
    }
    return {"line": line, "language_modeling": likelihood, "safety": safety, "benchmarks": benchmarks}


def found(gates: dict[str, float], scores: dict[str, Any]) -> dict[str, Any]:
    rows = check_gates(Gates(**gates), scores, chinese=["zh"], english=["en"])
    return {row["name"]: row for row in rows}


@given(NATS, NATS, NATS)
def test_gain_is_over_the_model_before_and_loss_over_the_first(base: float, resized: float, adapted: float) -> None:
    scores = scores_of(["base", "resized", "adapted"], [base, resized, adapted], [0, 0, 0])
    rows = found({"min_gain": 0.0, "max_english_loss": 0.5}, scores)
    assert rows["min_gain"]["value"] == pytest.approx(1 - adapted / resized)
    assert rows["max_english_loss"]["value"] == pytest.approx(adapted / base - 1)
    assert rows["min_gain"]["met"] == (rows["min_gain"]["value"] >= 0)
    assert rows["max_english_loss"]["met"] == (rows["max_english_loss"]["value"] <= 0.5)


@given(RATES, RATES)
def test_ceilings_are_inclusive(before: float, after: float) -> None:
    scores = scores_of(["base", "adapted"], [100, 100], [before, after])
    assert found({"max_harmful_rate": after}, scores)["max_harmful_rate"]["met"]
    if after > 0:
        assert not found({"max_harmful_rate": math.nextafter(after, 0)}, scores)["max_harmful_rate"]["met"]


def test_what_restoring_costs_counts_against_the_gain() -> None:
    line = ["base", "resized", "adapted", "restored"]
    scores = scores_of(line, [100, 120, 60, 90], [0, 0, 0, 0])
    assert found({"min_gain": 0.0}, scores)["min_gain"]["value"] == pytest.approx(1 - 90 / 120)


def test_nothing_that_is_not_set_is_asked() -> None:
    scores = scores_of(["base", "adapted"], [100, 90], [0.2, 0.1])
    unset = {name: None for name, value in Gates().model_dump().items() if value is not None}
    assert check_gates(Gates(**unset), scores, chinese=["zh"], english=["en"]) == []
