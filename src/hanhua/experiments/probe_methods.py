"""What a probe compares: how new rows begin, and what training does for them; each by name. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.new_token_settings import (
    OldSegmentationSettings,
    RowDistillationSettings,
    SelfDistillationSettings,
)
from hanhua.errors import UsageError
from hanhua.vocab_extension.resize.config import ResizeConfig
from hanhua.vocab_extension.resize.initialization import METHODS, Methods

ROWS_FIRST_RATIO = 0.3
"""Of the run, for the phase of new rows alone, as in LFM2.5 (arXiv 2607.15232)."""


def _distilled(training: ContinuedPretrainConfig) -> dict[str, Any]:
    return {"row_distillation": (training.row_distillation or RowDistillationSettings()).model_dump()}


def _self_distilled(training: ContinuedPretrainConfig) -> dict[str, Any]:
    return {"self_distillation": (training.self_distillation or SelfDistillationSettings()).model_dump()}


def _rows_first(training: ContinuedPretrainConfig) -> dict[str, Any]:
    first = {"name": "rows", "tokens_ratio": ROWS_FIRST_RATIO, "trainable": "new_embeddings"}
    return {"phases": [first, {"name": "all", "tokens_ratio": 1 - ROWS_FIRST_RATIO}]}


def _alternating(training: ContinuedPretrainConfig) -> dict[str, Any]:
    return {"old_segmentation": (training.old_segmentation or OldSegmentationSettings()).model_dump()}


IN_TRAINING: Mapping[str, Callable[[ContinuedPretrainConfig], dict[str, Any]]] = {
    "distilled": _distilled,
    "self-distilled": _self_distilled,
    "rows-first": _rows_first,
    "alternating": _alternating,
}
"""What may follow a way to begin the rows; the settings of --config where it has them, else the defaults."""
SETTINGS_OF = {
    "distilled": "row_distillation",
    "self-distilled": "self_distillation",
    "rows-first": "phases",
    "alternating": "old_segmentation",
}
"""The setting of continued_pretrain that each of them is."""


@dataclass(frozen=True)
class Tried:
    """One way: how rows begin, and what training then does, in the order of `IN_TRAINING`."""

    rows: Methods
    then: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Tried:
        """Return what a name means: NAME, INPUT+OUTPUT, either with names of `IN_TRAINING` behind, or those alone.

        >>> str(Tried.parse("mean+distilled")), str(Tried.parse("distilled")), Tried.parse("calibrated+mean").then
        ('mean+distilled', 'mean+calibrated+distilled', ())
        """
        parts = text.split("+")
        begin, then = [part for part in parts if part not in IN_TRAINING], {*parts} & {*IN_TRAINING}
        if any(name not in METHODS for name in begin) or len(begin) > 2 or len(begin) + len(then) < len(parts):
            raise UsageError(
                f"{text}: not a way to compare; one of {', '.join(METHODS)}, or INPUT+OUTPUT of them, with "
                f"{', '.join('+' + name for name in IN_TRAINING)} behind where training does more"
            )
        rows = Methods.parse("+".join(begin) or ResizeConfig().method)
        return cls(rows, tuple(name for name in IN_TRAINING if name in then))

    def __str__(self) -> str:
        return "+".join((str(self.rows), *self.then))

    def changes(self, training: ContinuedPretrainConfig, compared: Iterable[Tried]) -> dict[str, Any]:
        """Return what it changes of the common settings; what others are compared by is off unless it has it too.

        Raises UsageError where the settings do not go together.
        """
        named = {name for other in compared for name in other.then}
        off: dict[str, Any] = {SETTINGS_OF[name]: () if name == "rows-first" else None for name in named}
        found = {key: value for key, value in off.items() if getattr(training, key)}
        for name in self.then:
            found |= IN_TRAINING[name](training)
        try:
            ContinuedPretrainConfig.model_validate({**training.model_dump(mode="json"), **found})
        except ValidationError as error:
            raise UsageError(f"{self}: {error.errors()[0]['msg']}") from error
        return found
