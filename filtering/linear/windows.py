"""Which windows of a text the classifiers read, and what share of the text must be harmful.

A short text is read whole, in windows that overlap by half. A long one is read in part: windows side by side,
evenly spaced, first and last among them, and those in which the lexicon found something. Each window read stands
for a number of windows of its kind, so that a page with one bad paragraph and a bad page are told apart however
few of them are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hanhua.filtering.linear.features import WINDOW_CHARACTERS, Positions, window_starts

MAX_OVERLAPPING_CHARACTERS = 320
MIN_SAMPLED = 8
SAMPLED_SHARE = 1 / 8
MAX_HIT_WINDOWS = 4
MIN_DENSITY = 0.15
"""Share of a text's windows that must be harmful: one of six, two of eight."""
Margins = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """Where the windows to read begin, in order, and how many windows of the text each stands for.

    even: all stand for as many, which makes counting cheaper.
    """

    starts: Positions
    stands_for: npt.NDArray[np.float64]
    even: bool = False


def plan_windows(characters: int, hits: Iterable[int] = ()) -> Plan:
    """Return the windows to read of a text of that many folded characters; hits: offsets the lexicon points at.

    >>> plan_windows(8000).starts[:4].tolist(), len(plan_windows(8000).starts), len(plan_windows(8000, [900]).starts)
    ([0, 480, 960, 1520], 17, 18)
    """
    if characters <= MAX_OVERLAPPING_CHARACTERS:
        return _overlapping(characters)
    count = -(-characters // WINDOW_CHARACTERS)
    hit = sorted({at // WINDOW_CHARACTERS for at in hits})
    if not hit:
        even = _side_by_side(count)
        starts = even.starts.copy()
        starts[-1] = characters - WINDOW_CHARACTERS
        return Plan(starts, even.stands_for, even=True)
    sampled = [cell for cell in _spread(count, max(MIN_SAMPLED, round(count * SAMPLED_SHARE))) if cell not in set(hit)]
    read = [hit[i] for i in _spread(len(hit), MAX_HIT_WINDOWS)]
    weights = {cell: (count - len(hit)) / len(sampled) for cell in sampled}
    weights.update({cell: len(hit) / len(read) for cell in read})
    cells = np.array(sorted(weights), dtype=np.int64)
    starts = np.minimum(cells * WINDOW_CHARACTERS, characters - WINDOW_CHARACTERS)
    return Plan(starts, np.array([weights[cell] for cell in cells.tolist()]))


@lru_cache(maxsize=MAX_OVERLAPPING_CHARACTERS + 1)
def _overlapping(characters: int) -> Plan:
    starts = window_starts(characters)
    return Plan(starts, np.ones(len(starts)), even=True)


@lru_cache(maxsize=4096)
def _side_by_side(count: int) -> Plan:
    """Return the windows sampled in a text of so many whole ones."""
    cells = _spread(count, max(MIN_SAMPLED, round(count * SAMPLED_SHARE)))
    starts = np.array(cells, dtype=np.int64) * WINDOW_CHARACTERS
    return Plan(starts, np.full(len(cells), count / len(cells)), even=True)


@lru_cache(maxsize=4096)
def _spread(count: int, wanted: int) -> tuple[int, ...]:
    """Return `wanted` of `count` places, evenly spaced, first and last among them; all where there are no more."""
    return tuple(range(count)) if count <= wanted else tuple(np.linspace(0, count - 1, wanted).astype(int).tolist())


def density_margin(margins: Margins, plan: Plan) -> float:
    """Return the largest margin that windows standing for at least `MIN_DENSITY` of the text reach."""
    count = len(margins)
    if plan.even:
        # Without the sum this is a fraction of the cost.
        return float(sorted(margins.tolist())[count - math.ceil(MIN_DENSITY * count - 1e-9)])
    order = np.argsort(-margins)
    share = np.cumsum(plan.stands_for[order]) / plan.stands_for.sum()
    return float(margins[order[np.searchsorted(share, MIN_DENSITY - 1e-9)]])
