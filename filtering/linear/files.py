"""Folders of linear models: `model.safetensors` (16-bit weights) and a JSON; nothing in them is executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import InputError
from hanhua.filtering.linear.features import CHARACTER_ORDERS, PINYIN_ORDERS, WINDOW_CHARACTERS
from hanhua.filtering.linear.margins import Weights
from hanhua.weights import SINGLE

Model = TypeVar("Model")


@dataclass(frozen=True)
class Kind:
    """A kind of model on disk.

    name: as errors say it. command: which trains one. format, own: what a file must state to be read by this version.
    """

    name: str
    config: str
    command: str
    format: str
    own: Mapping[str, Any] = field(default_factory=dict)

    def stated(self) -> dict[str, Any]:
        """Return what scoring must have in common with training."""
        return {
            "format": self.format,
            "character_ngrams": list(CHARACTER_ORDERS),
            "pinyin_ngrams": list(PINYIN_ORDERS),
            "window_characters": WINDOW_CHARACTERS,
            **self.own,
        }


def save_model(kind: Kind, out: Path, tensors: Mapping[str, npt.NDArray[Any]], values: Mapping[str, Any]) -> None:
    """Write the tensors and, last, the JSON that makes the folder whole."""
    from safetensors.numpy import save_file

    out.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), out / SINGLE)
    write_json(out / kind.config, {**kind.stated(), **values})


def load_model(kind: Kind, folder: Path, build: Callable[[Mapping[str, Any], Mapping[str, Weights]], Model]) -> Model:
    """Read a model, built from its JSON and tensors.

    Raises InputError for a folder that is none, is not whole, or is of another version.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    config, stated = read_json(folder / kind.config), kind.stated()
    again = f"train it again with `{kind.command}`"
    if not isinstance(config, dict) or {key: config.get(key) for key in stated} != stated:
        raise InputError(f"{folder / kind.config}: no {kind.name} of format {kind.format}; {again}")
    try:
        return build(config, {name: tensor.astype(np.float32) for name, tensor in load_file(folder / SINGLE).items()})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: not a whole {kind.name} ({error}); {again}") from error
