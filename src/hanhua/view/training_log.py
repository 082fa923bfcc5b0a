"""The training log of a run as it grows: read on from where the last look ended, thinned for a curve."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CURVE_POINTS = 160
RECENT_ROWS = 20
"""Rows whose mean speed tells the time left: a single one may have waited for a checkpoint."""

SMOOTHED_OVER = 20
"""Steps over which the loss is averaged: with few sequences per step, it jumps with their corpora."""

Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class TrainingState:
    """How training goes. seconds_left: None where the number of tokens to come is not known.

    loss: nats per target by step; loss_mean: of the last SMOOTHED_OVER steps. bits: per character, by corpus.
    """

    step: int
    tokens: int
    total_tokens: int | None
    tokens_per_second: float
    seconds: float
    seconds_left: float | None
    loss: Curve
    loss_mean: Curve
    bits: dict[str, Curve]


@dataclass
class GrowingLog:
    """`train.jsonl` as far as it is written. A resumed run writes it anew, which its inode or size tells."""

    path: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    _offset: int = 0
    _inode: int = 0

    def read_on(self) -> list[dict[str, Any]]:
        """Return all rows so far, reading only what was added; a line without its end waits for the next look."""
        try:
            stat = self.path.stat()
        except OSError:
            return self.rows
        if stat.st_ino != self._inode or stat.st_size < self._offset:
            self.rows, self._offset, self._inode = [], 0, stat.st_ino
        with self.path.open("rb") as file:
            file.seek(self._offset)
            added = file.read()
        whole, newline, _ = added.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue  # cut short by a kill, and written over since
            if isinstance(row, dict) and {"step", "tokens", "loss"} <= row.keys():
                self.rows.append(row)
        return self.rows


def training_state(rows: list[dict[str, Any]], *, total_tokens: int | None, running: bool) -> TrainingState | None:
    """Return what the rows say; None while there are none."""
    if not rows:
        return None
    last, recent = rows[-1], rows[-RECENT_ROWS:]
    speeds = [row["tokens_per_second"] for row in recent if row.get("tokens_per_second")]
    # The mean time per token, not the mean of speeds, is what the rest will take.
    speed = len(speeds) / sum(1 / one for one in speeds) if speeds else 0.0
    known = total_tokens is not None and speed > 0 and running
    left = max(0.0, (total_tokens - last["tokens"]) / speed) if known and total_tokens is not None else None
    names = list(dict.fromkeys(name for row in rows for name in row.get("bits_by_corpus") or {}))
    bits = {
        name: _thinned([(row["step"], (row.get("bits_by_corpus") or {}).get(name)) for row in rows]) for name in names
    }
    return TrainingState(
        step=last["step"],
        tokens=last["tokens"],
        total_tokens=total_tokens,
        tokens_per_second=speed,
        seconds=float(last.get("seconds") or 0.0),
        seconds_left=left,
        loss=_thinned([(row["step"], row["loss"]) for row in rows]),
        loss_mean=_thinned(_running_mean(rows)),
        bits=bits,
    )


def _running_mean(rows: list[dict[str, Any]]) -> list[tuple[int, float | None]]:
    means: list[tuple[int, float | None]] = []
    total = 0.0
    for number, row in enumerate(rows):
        total += row["loss"] - (rows[number - SMOOTHED_OVER]["loss"] if number >= SMOOTHED_OVER else 0.0)
        means.append((row["step"], total / min(number + 1, SMOOTHED_OVER)))
    return means


def _thinned(points: list[tuple[int, float | None]]) -> Curve:
    """Return at most CURVE_POINTS points: means of neighbors, at the step of the last of them."""
    known = [(step, value) for step, value in points if value is not None]
    size = max(1, -(-len(known) // CURVE_POINTS))
    groups = [known[start : start + size] for start in range(0, len(known), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
