"""Which benchmarks must not be trained on, and from what share of a question on a document holds it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hanhua.config_fields import LATER, LocalPath, Section
from hanhua.hub_questions import HubQuestions


class DecontaminationConfig(Section):
    """Benchmarks whose questions must not be trained on."""

    benchmarks: tuple[LocalPath, ...] = Field(
        default=(), description="Files or folders of questions (default in a recipe: those of its evaluation)"
    )
    hub_benchmarks: Annotated[tuple[HubQuestions, ...], LATER] = Field(
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
