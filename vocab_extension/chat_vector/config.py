"""Settings of the stage `chat_vector`: which instruct model, at what scale, and what new rows get."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hanhua.config_fields import LocalPathOrHub

Scale = Annotated[float, Field(ge=-2, le=2)]
NewRows = Literal["mean", "untouched"]


class ChatVectorConfig(BaseModel):
    """How an adapted base gets the instruct model's tuning of the same base."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instruct: LocalPathOrHub = Field(description="Instruct model of the same base: a folder or a Hub id")
    scale: Scale = Field(
        default=1.0,
        description="Scale λ of the added difference (instruct - base), the chat vector (2310.04799); 0 adds nothing",
    )
    scales: dict[str, Scale] = Field(
        default_factory=dict,
        description="Scales of single groups of weights: embeddings, head (with the last norm), layers.FIRST-LAST",
    )
    new_rows: NewRows = Field(
        default="mean",
        description="mean: a new token's rows get the mean of what is added to the base tokens it is made of. "
        "untouched: they stay as trained",
    )
    repair_special_rows: bool = Field(
        default=False,
        description="Take the instruct model's own rows for special tokens whose rows the base never trained "
        "(<|eot_id|>, the header tokens), whatever the scale",
    )
    check_bases: bool = Field(
        default=True,
        description="Refuse models that, by their weights, do not come from the same base. Shapes are always checked",
    )

    @field_validator("scales")
    @classmethod
    def _are_groups(cls, scales: dict[str, float]) -> dict[str, float]:
        from hanhua.vocab_extension.chat_vector.scales import parse_groups

        parse_groups(scales)
        return scales
