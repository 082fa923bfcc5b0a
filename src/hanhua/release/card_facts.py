"""All a card is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hanhua.release.chat_model import Restored
from hanhua.release.job import ReleaseJob
from hanhua.release.licenses import TERMS, Terms
from hanhua.release.other_licenses import other_terms
from hanhua.release.synthetic import Teacher


@dataclass(frozen=True)
class CardFacts:
    """What the card is made from: facts by artifact, the training config, the scores (None: not evaluated).

    has_base: whether an adapter's release carries the model it belongs to. license_id: of a base that is no Llama.
    released: what the scores call the model that is released. restored: how its tuning was added, None where none was.
    template: its chat template; base_is_chat: whether the base itself is tuned to follow instructions.
    teachers: who wrote the synthetic text it was trained on.
    """

    parameters: int
    facts: Mapping[str, Mapping[str, Any]]
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] | None = None
    has_base: bool = False
    license_id: str = ""
    released: str = "adapted"
    restored: Restored | None = None
    template: str | None = None
    base_is_chat: bool = False
    teachers: tuple[Teacher, ...] = ()

    @property
    def is_chat(self) -> bool:
        """Whether the release is to be asked through its chat template."""
        return self.template is not None and (self.restored is not None or self.base_is_chat)

    def terms(self, job: ReleaseJob) -> Terms:
        """Return the terms the card speaks of."""
        if job.base_family is None:
            return other_terms(self.license_id, base_name=job.base_name)
        return TERMS[job.base_family]
