"""A classifier's folder: `model.safetensors` (16-bit weights) and `classifier.json`; nothing in it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import InputError
from hanhua.filtering.harm.classifier import MIN_CHARACTERS, Calibration, HarmClassifier, Namer, Weights
from hanhua.filtering.linear.features import CHARACTER_ORDERS, MAX_COLUMN_BITS, PINYIN_ORDERS, WINDOW_CHARACTERS
from hanhua.weights import SINGLE

FORMAT = "harm-linear-3"
CONFIG = "classifier.json"


def save_classifier(classifier: HarmClassifier, out: Path) -> None:
    """Write the weights and, last, the JSON that makes the folder whole."""
    from safetensors.numpy import save_file

    out.mkdir(parents=True, exist_ok=True)
    tensors = {"weights": classifier.weights.astype(np.float16)}
    if classifier.namer is not None:
        tensors["namer"] = classifier.namer.weights.astype(np.float16)
        tensors["namer_intercepts"] = classifier.namer.intercepts.astype(np.float32)
    save_file(tensors, out / SINGLE)
    own = {
        "categories": list(classifier.categories),
        "intercept": classifier.intercept,
        "calibration": asdict(classifier.calibration),
        "facts": dict(classifier.facts),
    }
    write_json(out / CONFIG, {**_shape(), **own})


def load_classifier(folder: Path) -> HarmClassifier:
    """Read a classifier. Raises InputError for a folder that is none, is not whole, or is of another version."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or {key: config.get(key) for key in _shape()} != _shape():
        raise InputError(f"{folder / CONFIG}: no classifier of format {FORMAT}; train it again with `train-harm`")
    try:
        tensors = {name: tensor.astype(np.float32) for name, tensor in load_file(folder / SINGLE).items()}
        classifier = _classifier(config, tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: not a whole classifier ({error}); train it again with `train-harm`") from error
    _check(classifier, folder)
    return classifier


def _classifier(config: Mapping[str, Any], tensors: Mapping[str, Weights]) -> HarmClassifier:
    return HarmClassifier(
        categories=tuple(map(str, config["categories"])),
        weights=tensors["weights"],
        intercept=float(config["intercept"]),
        calibration=Calibration(**config["calibration"]),
        namer=Namer(tensors["namer"], tensors["namer_intercepts"]) if "namer" in tensors else None,
        facts=config.get("facts", {}),
    )


def _check(classifier: HarmClassifier, folder: Path) -> None:
    if not classifier.categories:
        raise InputError(f"{folder}: a classifier without categories")
    names = len(classifier.categories)
    namer = classifier.namer
    shapes = [classifier.weights.shape, *((namer.weights.shape[1:], namer.intercepts.shape) if namer else ())]
    columns = [shape[0] for shape in shapes[:2]]
    if any(count & (count - 1) or not 1 < count <= 1 << MAX_COLUMN_BITS for count in columns) or (
        (namer is None) != (names == 1) or (namer is not None and {len(namer.weights), *shapes[2]} != {names})
    ):
        raise InputError(f"{folder}: {names} categories and weights of shapes {shapes}, which do not fit together")


def _shape() -> dict[str, Any]:
    return {
        "format": FORMAT,
        "character_ngrams": list(CHARACTER_ORDERS),
        "pinyin_ngrams": list(PINYIN_ORDERS),
        "window_characters": WINDOW_CHARACTERS,
        "min_characters": MIN_CHARACTERS,
    }
