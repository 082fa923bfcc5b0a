"""The kinds of faults by name, in both languages; their words are in `kinds.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from hanhua.vocab_extension.clinic import ailments
from hanhua.vocab_extension.proof.pair import Pair


@dataclass(frozen=True)
class Words:
    """A kind's name, what it means for a model, and what `repair` does, in one language."""

    name: str
    means: str
    cure: str


@dataclass(frozen=True)
class Kind:
    """One kind of fault: how it is found, and its words."""

    find: Callable[[Pair], Iterator[str]]
    en: Words
    zh: Words

    @property
    def name(self) -> str:
        """The English name, by which messages and JSON know it."""
        return self.en.name


def _read_kinds() -> tuple[Kind, ...]:
    data = yaml.safe_load((Path(__file__).parent / "kinds.yaml").read_text(encoding="utf-8"))
    return tuple(
        Kind(getattr(ailments, entry["find"]), Words(name, entry["means"], entry["cure"]), Words(**entry["zh"]))
        for name, entry in data.items()
    )


KINDS = _read_kinds()
"""In the order in which they are told."""
