"""A small linear classifier of harmful text: one weight a hashed n-gram, read window by window.

A window's margin is the sum of its n-grams' weights over the root of their number; a text's is the margin that enough
of its windows reach (`windows`). Platt's sigmoid turns margins into probabilities; the score is that sigmoid moved so
that .5 falls on the threshold, which training chooses on benign text. One set of weights tells harmful from harmless
for all categories together, since advertisements of every kind are written alike; a smaller set names the category.

Shape suffixes: W windows, N n-grams of a window.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.filtering.linear.features import Columns, cut_windows, ngram_starts, window_columns
from hanhua.filtering.linear.margins import Weights, sigmoid, unused_bits, window_margins
from hanhua.filtering.linear.windows import Margins, Plan, density_margin, plan_windows
from hanhua.services import HarmScore
from hanhua.zh_text.folding import Codes, Folded, code_points, fold

MIN_CHARACTERS = 6
"""Shorter texts are left to the lexicon: a word alone says nothing about what it is used for."""


@dataclass(frozen=True)
class Calibration:
    """How margins become probabilities and scores.

    slope, offset: probability = sigmoid(slope · margin + offset). threshold: the margin from which a text is
    rejected by this classifier alone; its score is .5. beside_lexicon: the same for margins that have what the
    lexicon adds.
    """

    slope: float
    offset: float
    threshold: float
    beside_lexicon: float

    def probability(self, margin: float) -> float:
        """Return the calibrated probability that a text with this margin is harmful."""
        return sigmoid(self.slope * margin + self.offset)

    def score(self, margin: float) -> float:
        """Return the score of this margin: .5 at the threshold."""
        return sigmoid(self.slope * (margin - self.threshold))

    def score_beside_lexicon(self, margin: float) -> float:
        """Return the score of a margin that has what the lexicon adds."""
        return sigmoid(self.slope * (margin - self.beside_lexicon))


@dataclass(frozen=True)
class Namer:
    """Names the category of a text already found harmful: weights [C, columns] and intercepts [C]."""

    weights: Weights
    intercepts: Weights


@dataclass(frozen=True)
class Reading:
    """The windows of a text that were read, as columns [W, N]; classifiers of any size can judge them."""

    plan: Plan
    columns_WN: Columns

    @cached_property
    def _narrowed(self) -> dict[int, Columns]:
        return {}

    def columns(self, weights: Weights) -> Columns:
        """Return the columns [W, N] for a table of weights of some size, which must be a power of two."""
        unused = unused_bits(weights.shape[-1])
        if unused not in self._narrowed:
            self._narrowed[unused] = self.columns_WN >> unused
        return self._narrowed[unused]


@dataclass(frozen=True)
class HarmClassifier:
    """A trained classifier; a HarmScorer. namer: None where there is one category."""

    categories: tuple[str, ...]
    weights: Weights
    intercept: float
    calibration: Calibration
    namer: Namer | None
    facts: Mapping[str, Any]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that decides a score."""
        digest = hashlib.sha256(f"{self.categories} {self.intercept} {astuple(self.calibration)}".encode())
        for weights in (self.weights, *((self.namer.weights, self.namer.intercepts) if self.namer else ())):
            digest.update(np.ascontiguousarray(weights).tobytes())
        return digest.hexdigest()

    def score(self, text: str) -> HarmScore:
        """Return category, score and the harmful passages in the text as given."""
        folded = fold(text)
        reading = read_windows(code_points(folded.text))
        if reading is None:
            return HarmScore(None, 0.0)
        margins = self.window_margins(reading)
        score = self.calibration.score(density_margin(margins, reading.plan))
        if score < 0.5:
            return HarmScore(None, score)
        threshold = self.calibration.threshold
        return HarmScore(self.name(reading, margins), score, self.spans(folded, reading, margins, threshold))

    def margin(self, folded: Codes) -> float:
        """Return the margin of a folded text, before calibration."""
        reading = read_windows(folded)
        return self.intercept if reading is None else density_margin(self.window_margins(reading), reading.plan)

    def window_margins(self, reading: Reading) -> Margins:
        """Return the margin of each window read [W]."""
        return window_margins(reading.columns(self.weights), self.weights, self.intercept)

    def name(self, reading: Reading, margins: Margins) -> str:
        """Return the category of the most harmful window."""
        if self.namer is None:
            return self.categories[0]
        columns = reading.columns(self.namer.weights)[int(np.argmax(margins))]
        sums = self.namer.weights[:, columns].sum(axis=1) / math.sqrt(max(len(columns), 1)) + self.namer.intercepts
        return self.categories[int(np.argmax(sums))]

    def spans(self, folded: Folded, reading: Reading, margins: Margins, threshold: float) -> list[tuple[int, int]]:
        """Return, of each window that reaches `threshold`, the run that speaks most for harm, in the original."""
        length = len(folded.text) - int(reading.plan.starts[-1])
        begins = ngram_starts(length)
        found: list[tuple[int, int]] = []
        for number in np.flatnonzero(margins >= threshold).tolist():
            weights = self.weights[reading.columns(self.weights)[number]]
            start, end = strongest_run(np.bincount(begins, weights=weights, minlength=length).astype(np.float64))
            first = int(reading.plan.starts[number])
            found.append(folded.original_span(first + start, first + min(end + 1, length)))
        return merge_spans(found)


def read_windows(folded: Codes, plan: Plan | None = None) -> Reading | None:
    """Return the windows of a folded text, all or those of a plan; None for a text too short to be judged."""
    if len(folded) < MIN_CHARACTERS:
        return None
    plan = plan or plan_windows(len(folded))
    return Reading(plan, window_columns(cut_windows(folded, plan.starts)))


def strongest_run(values: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return (start, end) of the run with the largest sum; of one value at least.

    >>> strongest_run(np.array([-1.0, 2.0, -1.0, 3.0, -5.0]))
    (1, 4)
    """
    total = np.concatenate([[0.0], np.cumsum(values)])
    lowest = np.minimum.accumulate(total[:-1])
    end = int(np.argmax(total[1:] - lowest)) + 1
    return int(np.argmin(total[:end])), end


def merge_spans(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, merged where they touch or overlap.

    >>> merge_spans([(4, 6), (0, 2), (1, 4)])
    [(0, 6)]
    """
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
