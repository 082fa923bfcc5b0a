"""Which benchmarks must not be trained on, and from what share of a question on a document holds it."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from hanhua.config_fields import LocalPath, Section
from hanhua.hub_questions import HubQuestions


class DecontaminationConfig(Section):
    """Benchmarks whose questions must not be trained on."""

    benchmarks: tuple[LocalPath, ...] = Field(
        default=(), description="Files or folders of questions (default in a recipe: those of its evaluation)"
    )
    hub_benchmarks: tuple[HubQuestions, ...] = Field(
        default=(), description="Questions in data sets of the Hub (default in a recipe: those of its evaluation)"
    )
    min_overlap: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of a question's 13-character shingles in a document from which it is dropped (own)",
    )
    min_characters: int = Field(
        default=13,
        ge=5,
        description="Minimum number of letters of a question with its options; shorter ones are not searched for "
        "(GPT-3: 13)",
    )

    @model_serializer(mode="wrap")
    def _as_ever_without_the_hub(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `hub_benchmarks` out when it is empty: what was filtered without it keeps its key."""
        data: dict[str, Any] = handler(self)
        if not self.hub_benchmarks:
            data.pop("hub_benchmarks", None)
        return data
