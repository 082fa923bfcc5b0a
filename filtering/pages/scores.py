"""How much a page looks like junk of each kind: log-odds that are sums of readable weights over its features.

Sizes are in brackets: D documents, F features, K kinds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
import numpy.typing as npt

from hanhua.filtering.document import Drafts
from hanhua.filtering.linear.windows import Margins, Plan
from hanhua.filtering.pages.features import FEATURES, OF_SELLERS, Values, rows_of, words_of
from hanhua.filtering.pages.layout import HEAD
from hanhua.filtering.pages.whole import PageModel, said_by
from hanhua.zh_text.folding import code_points

PageKind = Literal["thin", "listing", "promotion"]
Windows = Callable[[Drafts], Mapping[int, tuple[Plan, Margins]]]
SHORT = 250
"""Characters below which a text is always scored."""
MIN_MARKS_PER_100 = 4.5
"""Marks that end or part sentences, per 100 characters, from which a text is plainly prose: news has 8 to 10."""
MIN_SOLD = 5
"""Different words of sellers from which prose is scored too."""
MIN_SAID = 1.0
"""What n-grams say of a page, as log-odds, from which prose is scored too."""
PAGE_KINDS: tuple[PageKind, ...] = ("thin", "listing", "promotion")
"""Little but a title and labels; titles, links and forum shells; texts written to sell."""


@dataclass(frozen=True)
class PageWeights:
    """weights [K, F], intercepts [K]: 0 is where the default limit lies."""

    weights: Values
    intercepts: Values

    def log_odds(self, rows: Values) -> Values:
        """Return the log-odds of each kind for rows of features [D, F] → [D, K]."""
        # Not a product of matrices, whose rounding depends on how many rows there are.
        log_odds: Values = (rows[:, None, :] * self.weights).sum(axis=2) + self.intercepts
        return log_odds

    def scores(self, rows: Values) -> Values:
        """Return the score of each kind, from 0 to 1, for rows of features [D, F] → [D, K]."""
        scores: Values = 1 / (1 + np.exp(-self.log_odds(rows)))
        return scores


class PageScorer:
    """Scores pages as a whole, with the n-grams that others have read; and by kind, of the same features.

    read: see `ngrams_of`.
    """

    def __init__(self, model: PageModel, read: Windows) -> None:
        self._model, self._read = model, read

    def scores(self, drafts: Drafts) -> list[list[float]]:
        """Return the score of each kind, in the order of `PAGE_KINDS`, and that of the page as a whole; a view.

        What is not scored has 0: plain prose by kind, and as a whole where its n-grams say nothing against it.
        """
        ngrams = ngrams_of(drafts, self._read)
        scores = np.zeros((len(drafts), len(PAGE_KINDS) + 1))
        doubtful = _doubtful(drafts)
        chosen = np.flatnonzero(doubtful | (ngrams > MIN_SAID))
        if len(chosen):
            rows = rows_of(drafts, chosen)
            scores[chosen, :-1] = shipped_weights().scores(rows) * doubtful[chosen, None]
            scores[chosen, -1] = 1 / (1 + np.exp(-self._model.log_odds(rows, ngrams[chosen])))
        found: list[list[float]] = scores.tolist()
        return found


def ngrams_of(drafts: Drafts, read: Windows) -> Values:
    """Return what n-grams say of each text [D]; 0 of those too short to be read.

    read: of the others, by number, the windows read and their margins [K, W], of which the last are the model's.
    """
    ngrams = np.zeros(len(drafts))
    for number, (plan, margins) in drafts.view(read).items():
        ngrams[number] = said_by(margins[-1], plan)
    return ngrams


def _doubtful(drafts: Drafts) -> npt.NDArray[np.bool_]:
    joined, (_, _, different) = drafts.joined, drafts.view(words_of)
    characters = np.minimum(np.diff(joined.starts), HEAD)
    marks = np.array(joined.counts(_is_mark().take(joined.codes, mode="clip"), head=HEAD))
    few_marks = 100 * marks < MIN_MARKS_PER_100 * characters
    sold = different[:, OF_SELLERS].sum(axis=1) >= MIN_SOLD
    doubtful: npt.NDArray[np.bool_] = (characters < SHORT) | few_marks | sold
    return doubtful


@cache
def _is_mark() -> npt.NDArray[np.bool_]:
    codes = code_points("。！？!?；;，,、")
    table = np.zeros(int(codes.max()) + 2, dtype=bool)
    table[codes] = True
    return table


@cache
def shipped_weights() -> PageWeights:
    """Return the weights of `weights.json`. Raises ValueError where its features are not those of this version."""
    read = json.loads(files("hanhua.filtering.pages").joinpath("weights.json").read_text(encoding="utf-8"))
    return weights_of(read)


def weights_of(kinds: Mapping[str, Mapping[str, float]]) -> PageWeights:
    """Return the weights of a mapping: kind → feature → weight, with `intercept` among the features."""
    for kind in PAGE_KINDS:
        if set(kinds[kind]) != {*FEATURES, "intercept"}:
            raise ValueError(f"weights of {kind!r} are for other features than those of this version")
    columns = [[kinds[kind][name] for name in FEATURES] for kind in PAGE_KINDS]
    return PageWeights(np.array(columns), np.array([kinds[kind]["intercept"] for kind in PAGE_KINDS]))
