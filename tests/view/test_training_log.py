"""The log as it grows, is cut off, and is written anew by a run that goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.view.training_log import CURVE_POINTS, SMOOTHED_OVER, GrowingLog, training_state


def row(step: int, **more: Any) -> dict[str, Any]:
    values = {"tokens": 100 * step, "loss": 5.0, "tokens_per_second": 50.0, "seconds": 2.0 * step}
    return {"step": step, **values, "bits_by_corpus": {"zh": 6.0}, **more}


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in rows)


def steps(log: GrowingLog) -> list[int]:
    return [one["step"] for one in log.read_on()]


def test_only_whole_lines_are_read_and_each_once(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    log = GrowingLog(path)
    assert steps(log) == []
    whole = lines(row(1), row(2), row(3))
    for end in range(0, len(whole), 7):
        path.write_text(whole[:end], encoding="utf-8") if end == 0 else append(path, whole, end)
        assert steps(log) == list(range(1, whole[: path.stat().st_size].count("\n") + 1))


def append(path: Path, whole: str, end: int) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(whole[path.stat().st_size : end])


def test_a_resumed_run_writes_it_anew(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    log = GrowingLog(path)
    path.write_text(lines(*(row(step) for step in range(1, 9))), encoding="utf-8")
    assert steps(log)[-1] == 8
    aside = tmp_path / "aside"
    aside.write_text(lines(*(row(step) for step in range(1, 5))), encoding="utf-8")
    aside.replace(path)
    assert steps(log) == [1, 2, 3, 4]
    with path.open("a", encoding="utf-8") as file:
        file.write(lines(row(5)))
    assert steps(log) == [1, 2, 3, 4, 5]


def test_a_line_cut_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(row(1)) + '{"step": 2, "tok\n[1]\n' + lines(row(3)), encoding="utf-8")
    assert steps(GrowingLog(path)) == [1, 3]


def test_the_time_left_is_what_the_rest_takes_at_the_mean_pace() -> None:
    rows = [row(step, tokens_per_second=25.0 if step % 2 else 100.0) for step in range(1, 41)]
    state = training_state(rows, total_tokens=8000, running=True)
    assert state is not None
    # 100 tokens at 25 per second and 100 at 100 per second: 200 in 5 s.
    assert state.tokens_per_second == pytest.approx(40.0)
    assert state.seconds_left == pytest.approx((8000 - 4000) / 40.0)
    for known in ({"total_tokens": None, "running": True}, {"total_tokens": 8000, "running": False}):
        state = training_state(rows, **known)  # type: ignore[arg-type]
        assert state is not None and state.seconds_left is None
    assert training_state([], total_tokens=8000, running=True) is None


@given(losses=st.lists(st.floats(min_value=0, max_value=20), min_size=1, max_size=700))
def test_curves_are_short_and_stay_within_what_was_measured(losses: list[float]) -> None:
    rows = [row(step, loss=loss) for step, loss in enumerate(losses, 1)]
    state = training_state(rows, total_tokens=None, running=True)
    assert state is not None
    for curve in (state.loss, state.loss_mean):
        assert len(curve) <= CURVE_POINTS and curve[-1][0] == len(losses)
        assert all(min(losses) - 1e-6 <= value <= max(losses) + 1e-6 for _, value in curve)
    if len(losses) <= CURVE_POINTS:
        last = losses[-SMOOTHED_OVER:]
        assert state.loss_mean[-1][1] == pytest.approx(sum(last) / len(last), abs=1e-9)


def test_a_source_that_comes_seldom_has_its_own_points() -> None:
    rows = [row(step, bits_by_corpus={"zh": 6.0, **({"web": 7.0} if step % 5 == 0 else {})}) for step in range(1, 21)]
    state = training_state(rows, total_tokens=None, running=True)
    assert state is not None
    assert [step for step, _ in state.bits["web"]] == [5, 10, 15, 20] and len(state.bits["zh"]) == 20
