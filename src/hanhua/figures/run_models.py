"""The models of a run, in the order they are made: display name and style of each. Listed only here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class RunModel:
    """One model. name: of the artifact's kind and of its scores. label: in tables. color: a CSS variable of the page.

    marker: of Matplotlib; shape: the same as a character. Models differ by shape as well as by color.
    """

    name: str
    label: str
    color: str
    marker: str
    shape: str


RUN_MODELS = (
    RunModel("base", "base", "base", "o", "●"),
    RunModel("resized", "resized, untrained", "resized", "s", "■"),
    RunModel("adapted", "adapted", "adapted", "D", "◆"),
    RunModel("restored", "restored", "adapted", "^", "▲"),
)
"""`resized` is absent where the vocabulary was not extended, `restored` where no instruct model was given."""
EXTENDED = RunModel("extended", "extended", "adapted", "D", "◆")
"""The extended tokenizer, where tokenizers and not models are compared."""

BY_NAME = {model.name: model for model in (*RUN_MODELS, EXTENDED)}
NAMES = tuple(model.name for model in RUN_MODELS)


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of models in the order they are made, then reference models."""
    given = list(dict.fromkeys(names))
    return [name for name in NAMES if name in given] + [name for name in given if name not in NAMES]


def label_of(name: str) -> str:
    """Return a model's display name; its own name for a reference model."""
    return BY_NAME[name].label if name in BY_NAME else name
