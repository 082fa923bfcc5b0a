"""How much a page looks like junk as a whole: by its layout and words, as each kind has them, and by its n-grams.

One sum of weights, learned from judged pages and from texts written by two hands (`benchmarks/junk_pages_whole.py`).
What n-grams say of a text is the mean over the windows that the classifiers of harm read, times the root of their
number, so that a long page is as sure as its windows agree.

Sizes are in brackets: D documents, F features, W windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from hanhua.artifacts.files import read_json, write_json
from hanhua.filtering.linear.margins import Weights
from hanhua.filtering.linear.windows import Margins, Plan
from hanhua.filtering.pages.features import FEATURES, Values

WEIGHTS, NGRAMS = "whole.json", "whole.safetensors"


@dataclass(frozen=True, eq=False)
class PageModel:
    """weights [F]. ngrams [2^bits]: of hashed n-grams. 0 is where the default limit lies."""

    weights: Values
    ngrams: Weights
    intercept: float

    def log_odds(self, rows: Values, ngrams: Values) -> Values:
        """Return the log-odds of pages by rows of features [D, F] and by what n-grams say of them [D]."""
        # Not a product of matrices, whose rounding depends on how many rows there are.
        log_odds: Values = (rows * self.weights).sum(axis=1) + ngrams + self.intercept
        return log_odds

    def moved(self, by: float) -> PageModel:
        """Return the same with another intercept."""
        return replace(self, intercept=round(self.intercept + by, 4))


def shares_of(plan: Plan) -> Values:
    """Return what each window's margin counts for [W]: its share of the text, times the root of their number."""
    shares = plan.stands_for / plan.stands_for.sum()
    counted: Values = shares / np.sqrt((shares * shares).sum())
    return counted


def said_by(margins: Margins, plan: Plan) -> float:
    """Return what n-grams say of a text, by the margins of its windows."""
    return float((margins * shares_of(plan)).sum())


def save_page_model(model: PageModel, folder: Path) -> None:
    """Write the weights of features as JSON, those of n-grams as 16-bit numbers."""
    from safetensors.numpy import save_file

    named = {name: round(float(weight), 4) for name, weight in zip(FEATURES, model.weights, strict=True)}
    write_json(folder / WEIGHTS, {**named, "intercept": model.intercept})
    save_file({"ngrams": model.ngrams.astype(np.float16)}, folder / NGRAMS)


@cache
def shipped_page_model() -> PageModel:
    """Return the model that comes with the package. Raises ValueError where its features are not of this version."""
    from safetensors.numpy import load_file

    folder = Path(str(files("hanhua.filtering.pages")))
    return page_model_of(read_json(folder / WEIGHTS), load_file(folder / NGRAMS)["ngrams"].astype(np.float32))


def page_model_of(named: Mapping[str, float], ngrams: Weights) -> PageModel:
    """Return the model of a mapping: feature → weight, with `intercept` among the features."""
    if set(named) != {*FEATURES, "intercept"}:
        raise ValueError("the weights of whole pages are for other features than those of this version")
    return PageModel(np.array([named[name] for name in FEATURES]), ngrams, named["intercept"])
