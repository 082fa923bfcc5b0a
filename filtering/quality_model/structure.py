"""How a page is laid out, as numbers: what n-grams of folded text cannot see, and what often gives its remains away.

Lists of links, cut-off teasers and empty replies are written in the words of good pages, but not in their sentences.
The features are those of `hanhua.filtering.pages`, with what its shipped weights say of them: a model of a few hundred
labels of one's own corrects these rather than learning them again (docs/results/2026-11-28-junk-pages.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hanhua.filtering.config import HarmConfig
from hanhua.filtering.document import Drafts
from hanhua.filtering.harm.layers import build_harm_scorer_beside
from hanhua.filtering.pages.features import FEATURES as PAGE_FEATURES
from hanhua.filtering.pages.features import page_features
from hanhua.filtering.pages.scores import PAGE_KINDS, ngrams_of, shipped_weights
from hanhua.filtering.pages.whole import shipped_page_model

Values = npt.NDArray[np.float64]

FEATURES = (*PAGE_FEATURES, *(f"log_odds_{kind}" for kind in PAGE_KINDS), "log_odds_page")
COST = 0.03
"""Inverse of the regularization: few labels must not teach that a single feature decides."""
MIN_SCALE = 0.03
"""Features that hardly vary among the labels must not decide where they do."""
SEED = 1


def layouts(drafts: Drafts) -> list[Values]:
    """Return the features of each text, in the order of `FEATURES`; a view."""
    rows, model = np.array(drafts.view(page_features)), shipped_page_model()
    windows = build_harm_scorer_beside(HarmConfig(enabled=False), model).read_windows
    whole = model.log_odds(rows, ngrams_of(drafts, windows))
    return list(np.column_stack([rows, shipped_weights().log_odds(rows), whole]))


def layout_of(text: str) -> Values:
    """Return the features of one text; of many they are had for less by `layouts`."""
    return layouts(Drafts([text], ["zh"]))[0]


@dataclass(frozen=True)
class Layout:
    """Says how good a text is by its margin and its layout together: above 0 it is rather good.

    weights: of the margin, and of each feature, after subtracting `means` and dividing by `scales`.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def logit(self, margin: float, features: Values) -> float:
        """Return the log-odds of a text that is good."""
        values = (np.concatenate([[margin], features]) - np.array(self.means)) / np.array(self.scales)
        return float(values @ np.array(self.weights) + self.intercept)


def fit_layout(margins: Values, features: Sequence[Values], good: npt.NDArray[np.bool_]) -> Layout:
    """Return a layout fitted to margins of texts that the margins' model has not seen; both kinds count the same."""
    from sklearn.linear_model import LogisticRegression

    values = np.column_stack([margins, np.array(features)])
    means, scales = values.mean(axis=0), values.std(axis=0)
    scales = np.maximum(scales, MIN_SCALE)
    fitted = LogisticRegression(C=COST, class_weight="balanced", max_iter=2000).fit((values - means) / scales, good)
    rows = [tuple(map(float, row)) for row in (means, scales, fitted.coef_[0])]
    return Layout(means=rows[0], scales=rows[1], weights=rows[2], intercept=float(fitted.intercept_[0]))


def held_out_logits(margins: Values, features: Sequence[Values], good: npt.NDArray[np.bool_], *, folds: int) -> Values:
    """Return the logit of each text by a layout that has not seen it."""
    fold_of = np.random.default_rng(SEED).permutation(len(margins)) % folds
    logits = np.zeros(len(margins))
    for number in range(folds):
        inside = np.flatnonzero(fold_of != number)
        some = good[inside]
        if some.all() or not some.any():
            continue
        layout = fit_layout(margins[inside], [features[i] for i in inside.tolist()], some)
        for i in np.flatnonzero(fold_of == number).tolist():
            logits[i] = layout.logit(float(margins[i]), features[i])
    return logits
