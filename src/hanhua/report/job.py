"""What a report is made of, as data: the recipe's part of it, with nothing that tells of the machine."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class StageCost(BaseModel):
    """Time one stage took, if the caller wants it shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str
    seconds: float | None = None
    cached: bool = False


class ReportJob(BaseModel):
    """What a report is made with, besides its artifacts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name of the run, the report's title")
    samples_per_reason: int = Field(
        default=3, ge=0, description="Rejected documents and generations shown of each kind"
    )
    toy: bool = Field(default=False, description="Say plainly that the figures are a toy model's")
    recipe: dict[str, Any] = Field(default_factory=dict, description="The resolved recipe, to be shown")
    stages: tuple[StageCost, ...] = Field(default=(), description="Stages with their times; differs from run to run")
    made_by: dict[str, str] = Field(default_factory=dict, description="Kind of artifact → the stage that makes it")
    headlines: dict[str, str] = Field(default_factory=dict, description="Kind → what it adds to the headline table")
    audit: dict[str, Any] | None = Field(default=None, description="What an audit of the filter found")

    def key_config(self) -> dict[str, Any]:
        """Return what decides the output; an audit only where there is one."""
        return self.model_dump(exclude={"audit"} if self.audit is None else None)
