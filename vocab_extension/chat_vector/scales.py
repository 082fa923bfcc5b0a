"""How much is added to each tensor: one scale for all, and others for groups of layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS

_LAYERS = re.compile(r"layers\.(\d+)(?:-(\d+))?")
_LAYER_OF_TENSOR = re.compile(r"model\.layers\.(\d+)\.")
_EMBEDDINGS, _HEAD = -1, 1 << 30
"""Places below and above every layer."""


@dataclass(frozen=True)
class Group:
    """Layers `first` to `last`, both counted, and their scale; the embeddings and the head have places of their own."""

    name: str
    first: int
    last: int
    scale: float


@dataclass(frozen=True)
class Scales:
    """The scale of every tensor. A tied model has embeddings only."""

    everywhere: float
    groups: tuple[Group, ...] = ()

    @classmethod
    def of(cls, scale: float, groups: Mapping[str, float]) -> Scales:
        """Return the scales of a config; ValueError for a group that is none, or two that overlap."""
        return cls(scale, parse_groups(groups))

    def of_tensor(self, name: str) -> float:
        """Return the scale of a tensor.

        >>> Scales.of(1.0, {"layers.0-3": 0.5}).of_tensor("model.layers.3.mlp.up_proj.weight")
        0.5
        """
        place = _place(name)
        return next((group.scale for group in self.groups if group.first <= place <= group.last), self.everywhere)

    def beyond(self, layers: int) -> list[str]:
        """Return the groups that name a layer the model has not."""
        return [group.name for group in self.groups if layers <= group.last < _HEAD]


def parse_groups(groups: Mapping[str, float]) -> tuple[Group, ...]:
    """Return the groups in order of their layers; ValueError for a name that is none, or two that overlap."""
    found = sorted((_group(name, scale) for name, scale in groups.items()), key=lambda group: group.first)
    for before, after in pairwise(found):
        if after.first <= before.last:
            raise ValueError(f"the groups {before.name} and {after.name} overlap")
    return tuple(found)


def _group(name: str, scale: float) -> Group:
    if name in ("embeddings", "head"):
        place = _EMBEDDINGS if name == "embeddings" else _HEAD
        return Group(name, place, place, scale)
    match = _LAYERS.fullmatch(name)
    if match is None:
        raise ValueError(f"no group {name!r}: embeddings, head, layers.N or layers.FIRST-LAST")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"{name}: ends before it begins")
    return Group(name, first, last, scale)


def _place(name: str) -> int:
    match = _LAYER_OF_TENSOR.match(name)
    if match is not None:
        return int(match[1])
    return _EMBEDDINGS if name == EMBEDDINGS else _HEAD
