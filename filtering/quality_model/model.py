"""The quality model of a folder, and the score it gives: the probability that a document is like the good ones.

A document's margin is the mean over the windows that were read, since a page is worth what most of it is worth.

Shape suffixes: W windows, N n-grams of a window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hanhua.errors import InputError
from hanhua.filtering.linear.features import cut_windows, window_columns
from hanhua.filtering.linear.files import Kind, load_model, save_model
from hanhua.filtering.linear.margins import Weights, is_table_size, sigmoid, unused_bits, window_margins
from hanhua.filtering.linear.windows import plan_windows
from hanhua.filtering.quality_model.structure import FEATURES, Layout, Values
from hanhua.zh_text.folding import Codes

KIND = Kind("quality model", config="quality.json", command="train-quality", format="quality-linear-1")


@dataclass(frozen=True)
class QualityModel:
    """weights: [2^bits], one an n-gram. slope, offset: probability of good = sigmoid(slope · margin + offset).

    layout: the same of margin and layout together, where the model learned from layout too and that is at hand.
    """

    weights: Weights
    intercept: float
    slope: float
    offset: float
    facts: Mapping[str, Any]
    layout: Layout | None = None

    def score(self, folded: Codes, layout: Values | None = None) -> float:
        """Return the probability that a text is good, given as folded code points and by its layout, if that is known.

        It is .5 for one without letters.
        """
        if not len(folded):
            return 0.5
        if self.layout is not None and layout is not None:
            return sigmoid(self.layout.logit(self.margin(folded), layout))
        return sigmoid(self.slope * self.margin(folded) + self.offset)

    def margin(self, folded: Codes) -> float:
        """Return the mean margin of the windows read, each weighted by how many it stands for."""
        plan = plan_windows(len(folded))
        columns_WN = window_columns(cut_windows(folded, plan.starts))
        columns_WN >>= unused_bits(len(self.weights))
        margins = window_margins(columns_WN, self.weights, self.intercept)
        return float(np.average(margins, weights=plan.stands_for))


def save_quality_model(model: QualityModel, out: Path) -> None:
    """Write the weights and, last, the JSON that makes the folder whole."""
    values = {name: value for name, value in asdict(model).items() if name != "weights"}
    save_model(KIND, out, {"weights": model.weights.astype(np.float16)}, values)


@cache
def load_quality_model(folder: Path) -> QualityModel:
    """Read a model, once per process. Raises InputError for a folder that is not a model, or of another version."""
    model = load_model(KIND, folder, _model)
    if model.weights.ndim != 1 or not is_table_size(len(model.weights)):
        raise InputError(
            f"{folder}: weights of shape {model.weights.shape}, which is not that of a quality model; train it again"
        )
    return model


def _model(config: Mapping[str, Any], tensors: Mapping[str, Weights]) -> QualityModel:
    numbers = {name: float(config[name]) for name in ("intercept", "slope", "offset")}
    given = config.get("layout")
    layout = None
    if given is not None:
        rows = {name: tuple(map(float, given[name])) for name in ("means", "scales", "weights")}
        layout = Layout(**rows, intercept=float(given["intercept"]))
        if {len(row) for row in rows.values()} != {len(FEATURES) + 1}:
            raise ValueError("its layout has other features than this version")
    return QualityModel(weights=tensors["weights"], **numbers, facts=config.get("facts", {}), layout=layout)
