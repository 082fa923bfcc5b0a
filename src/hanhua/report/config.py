"""A recipe's settings of its report."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from hanhua.config_fields import LocalPath


class ReportConfig(BaseModel):
    """The HTML report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples_per_reason: int = Field(
        default=3, ge=0, description="Number of rejected documents shown per reason, masked"
    )
    audit: LocalPath | None = Field(
        default=None, description="What `hanhua filter audit` made (its folder or audit.json), to be shown; null: none"
    )
