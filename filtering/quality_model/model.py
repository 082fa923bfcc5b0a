"""The quality model of a folder, and the score it gives: the probability that a document is like the good ones.

A window's margin is the sum of its n-grams' weights over the root of their number; a document's is the mean over the
windows that were read, since a page is worth what most of it is worth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import InputError
from hanhua.filtering.linear.features import (
    CHARACTER_ORDERS,
    MAX_COLUMN_BITS,
    PINYIN_ORDERS,
    WINDOW_CHARACTERS,
    cut_windows,
    window_columns,
)
from hanhua.filtering.linear.fitting import Weights
from hanhua.filtering.linear.windows import plan_windows
from hanhua.weights import SINGLE
from hanhua.zh_text.folding import Codes

FORMAT = "quality-linear-1"
CONFIG = "quality.json"


@dataclass(frozen=True)
class QualityModel:
    """weights: [2^bits], one an n-gram. slope, offset: probability of good = sigmoid(slope · margin + offset)."""

    weights: Weights
    intercept: float
    slope: float
    offset: float
    facts: Mapping[str, Any]

    def score(self, folded: Codes) -> float:
        """Return the probability that a text, given as folded code points, is good; .5 for one without letters."""
        if not len(folded):
            return 0.5
        exponent = self.slope * self.margin(folded) + self.offset
        return 1 / (1 + math.exp(-exponent)) if exponent >= 0 else math.exp(exponent) / (1 + math.exp(exponent))

    def margin(self, folded: Codes) -> float:
        """Return the mean margin of the windows read, each weighted by how many it stands for."""
        plan = plan_windows(len(folded))
        columns_WN = window_columns(cut_windows(folded, plan.starts))
        columns_WN >>= MAX_COLUMN_BITS - (len(self.weights).bit_length() - 1)
        margins = self.weights.take(columns_WN).sum(axis=1) / math.sqrt(max(columns_WN.shape[1], 1)) + self.intercept
        return float(np.average(margins, weights=plan.stands_for))


def save_quality_model(model: QualityModel, out: Path) -> None:
    """Write the weights and, last, the JSON that makes the folder whole."""
    from safetensors.numpy import save_file

    out.mkdir(parents=True, exist_ok=True)
    save_file({"weights": model.weights.astype(np.float16)}, out / SINGLE)
    values = {name: value for name, value in asdict(model).items() if name != "weights"}
    write_json(out / CONFIG, {**_shape(), **values})


@cache
def load_quality_model(folder: Path) -> QualityModel:
    """Read a model, once a process. Raises InputError for a folder that is none, or of another version."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or {key: config.get(key) for key in _shape()} != _shape():
        raise InputError(f"{folder / CONFIG}: no quality model of format {FORMAT}; train it with `train-quality`")
    try:
        weights = load_file(folder / SINGLE)["weights"].astype(np.float32)
        numbers = {name: float(config[name]) for name in ("intercept", "slope", "offset")}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: not a whole quality model ({error}); train it again") from error
    if weights.ndim != 1 or len(weights) & (len(weights) - 1) or not 1 < len(weights) <= 1 << MAX_COLUMN_BITS:
        raise InputError(f"{folder}: weights of shape {weights.shape}, which no quality model has; train it again")
    return QualityModel(weights=weights, **numbers, facts=config.get("facts", {}))


def _shape() -> dict[str, Any]:
    return {
        "format": FORMAT,
        "character_ngrams": list(CHARACTER_ORDERS),
        "pinyin_ngrams": list(PINYIN_ORDERS),
        "window_characters": WINDOW_CHARACTERS,
    }
