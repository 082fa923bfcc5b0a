"""A classifier's folder: what is written to it, and what must fit together when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError
from hanhua.filtering.harm.classifier import MIN_CHARACTERS, Calibration, HarmClassifier, Namer
from hanhua.filtering.linear.files import Kind, load_model, save_model
from hanhua.filtering.linear.margins import Weights, is_table_size

KIND = Kind(
    "classifier",
    config="classifier.json",
    command="train-harm",
    format="harm-linear-3",
    own={"min_characters": MIN_CHARACTERS},
)


def save_classifier(classifier: HarmClassifier, out: Path) -> None:
    """Write the weights and, last, the JSON that makes the folder whole."""
    tensors: dict[str, npt.NDArray[Any]] = {"weights": classifier.weights.astype(np.float16)}
    if classifier.namer is not None:
        tensors["namer"] = classifier.namer.weights.astype(np.float16)
        tensors["namer_intercepts"] = classifier.namer.intercepts.astype(np.float32)
    values = {
        "categories": list(classifier.categories),
        "intercept": classifier.intercept,
        "calibration": asdict(classifier.calibration),
        "facts": dict(classifier.facts),
    }
    save_model(KIND, out, tensors, values)


def load_classifier(folder: Path) -> HarmClassifier:
    """Read a classifier. Raises InputError for a folder that is none, is not whole, or is of another version."""
    classifier = load_model(KIND, folder, _classifier)
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
    if not all(map(is_table_size, columns)) or (
        (namer is None) != (names == 1) or (namer is not None and {len(namer.weights), *shapes[2]} != {names})
    ):
        raise InputError(f"{folder}: {names} categories and weights of shapes {shapes}, which do not fit together")
