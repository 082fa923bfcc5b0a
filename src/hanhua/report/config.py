"""A recipe's settings of its report."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ReportConfig(BaseModel):
    """The HTML report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples_per_reason: int = Field(
        default=3, ge=0, description="Number of rejected documents shown per reason, masked"
    )
