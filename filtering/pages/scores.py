"""How much a page looks like junk of each kind: log-odds that are sums of readable weights over its features.

Sizes are in brackets: D documents, F features, K kinds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

from hanhua.filtering.document import Drafts
from hanhua.filtering.pages.features import FEATURES, Values, page_features

PageKind = Literal["thin", "listing", "promotion"]
PAGE_KINDS: tuple[PageKind, ...] = ("thin", "listing", "promotion")
"""Little but a title and labels; titles, links and forum shells; texts written to sell."""


@dataclass(frozen=True)
class PageWeights:
    """weights [F, K], intercepts [K]: 0 is where the default limit lies."""

    weights: Values
    intercepts: Values

    def scores(self, rows: Values) -> Values:
        """Return the score of each kind, from 0 to 1, for rows of features [D, F] → [D, K]."""
        scores: Values = 1 / (1 + np.exp(-(rows @ self.weights + self.intercepts)))
        return scores


def page_scores(drafts: Drafts) -> list[list[float]]:
    """Return the score of each kind of junk, in the order of `PAGE_KINDS`, for each text; a view."""
    scores: list[list[float]] = shipped_weights().scores(np.array(drafts.view(page_features))).tolist()
    return scores


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
    return PageWeights(np.array(columns).T, np.array([kinds[kind]["intercept"] for kind in PAGE_KINDS]))
