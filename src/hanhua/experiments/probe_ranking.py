"""Ranks what a probe measured: differences to the best over the same documents, with intervals, in words. No torch.

Shape suffixes: S seeds, D documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
RESAMPLES = 2000
SIMPLEST_FIRST = ("mean", "mean+calibrated", "calibrated", "gaussian", "random")
NEGLIGIBLE_BITS = 1e-4
"""Bits per byte below which two runs are the same, whatever the interval says: noise of threads and batches."""


@dataclass(frozen=True)
class Standing:
    """One method's place. difference: bits per byte above the best after training; interval: its 95% one."""

    method: str
    before: float
    after: float
    difference: float
    interval: tuple[float, float] | None
    behind: bool


@dataclass(frozen=True)
class Measured:
    """One method's held-out bits, before and after training, by seed and document: shape (S, D) each."""

    before_SD: Floats
    after_SD: Floats


def rank(measured: Mapping[str, Measured], bytes_D: Sequence[int], *, seed: int = 0) -> list[Standing]:
    """Return the methods from best to worst after training.

    The difference to the best is paired: the same documents, and by seed the same order of training. Its interval
    is a bootstrap that draws documents and seeds both, so it covers other texts of the kind and, as far as few seeds
    can tell, other runs. None with a single document.
    """
    sizes_D = np.asarray(bytes_D, dtype=np.float64)
    after = {name: _ratio(found.after_SD, sizes_D) for name, found in measured.items()}
    order = sorted(measured, key=lambda name: (after[name], name))
    best = measured[order[0]].after_SD
    standings = []
    for name in order:
        found = measured[name]
        interval = None if name == order[0] else _interval(found.after_SD - best, sizes_D, seed=seed)
        difference = after[name] - after[order[0]]
        behind = interval is not None and interval[0] > 0 and difference >= NEGLIGIBLE_BITS
        standings.append(Standing(name, _ratio(found.before_SD, sizes_D), after[name], difference, interval, behind))
    return standings


def verdict(standings: Sequence[Standing]) -> list[str]:
    """Say what a ranking shows, one line for each method that was compared with the best."""
    best, lines = standings[0], []
    if len(standings) == 1:
        return [f"only {best.method} was tried"]
    for other in standings[1:]:
        if other.interval is None:
            lines.append(f"{best.method} and {other.method}: one held-out document cannot tell them apart")
        elif other.behind:
            low, high = other.interval
            lines.append(
                f"{best.method} is ahead of {other.method} by {other.difference:.4f} bits per byte "
                f"(95% interval {low:.4f} to {high:.4f})"
            )
        else:
            lines.append(f"{best.method} and {other.method}: no difference that this probe can see")
    return lines


def recommended(standings: Sequence[Standing]) -> str:
    """Return the method to take: the simplest of those that are not behind."""
    level = [standing.method for standing in standings if not standing.behind]
    return min(level, key=lambda name: (SIMPLEST_FIRST.index(name) if name in SIMPLEST_FIRST else len(level) + 4, name))


def _ratio(bits_SD: Floats, sizes_D: Floats) -> float:
    return float(bits_SD.mean(axis=0).sum() / sizes_D.sum())


def _interval(bits_SD: Floats, sizes_D: Floats, *, seed: int) -> tuple[float, float] | None:
    seeds, documents = bits_SD.shape
    if documents < 2:
        return None
    generator = np.random.default_rng(seed)
    found = np.empty(RESAMPLES)
    for n in range(RESAMPLES):
        drawn_S = generator.integers(0, seeds, size=seeds)
        drawn_D = generator.integers(0, documents, size=documents)
        found[n] = _ratio(bits_SD[drawn_S][:, drawn_D], sizes_D[drawn_D])
    low, high = np.quantile(found, [0.025, 0.975])
    return (float(low), float(high))
