"""A recipe's settings of how the rows of new tokens are initialized."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_METHOD = "(mean|calibrated|gaussian|random)"


class ResizeConfig(BaseModel):
    """How the rows of the new tokens are initialized; the old rows are never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = Field(
        default="mean+calibrated",
        pattern=rf"^{_METHOD}(\+{_METHOD})?$",
        description="mean: the mean of the rows of the base tokens a new token consists of. calibrated: that mean at "
        "the norm of "
        "the base's own Han rows for the input, weighted by length for the output (Joshi et al., 2608.03494). "
        "gaussian: drawn narrowly around the mean of all trained rows. random: normal, at the model's "
        "initializer_range. A+B: A for the input rows, B for the output rows",
    )
    seed: int = Field(default=0, ge=0, description="Random seed of the methods gaussian and random")
