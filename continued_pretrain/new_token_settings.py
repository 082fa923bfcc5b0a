"""Settings of what training does for new tokens: old spellings, and distillation from the model's own reading of them.

Imports nothing heavy.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from hanhua.config_fields import Section


class OldSegmentationSettings(Section):
    """A share of the training text spelled in the base's own tokens, so that the old pieces keep working."""

    share: float = Field(
        default=0.3, gt=0, lt=1, description="Share of the documents, or of the new tokens, spelled as the base does"
    )
    by: Literal["documents", "tokens"] = Field(
        default="tokens",
        description="tokens: each new token by itself is taken apart. documents: whole documents alternate",
    )


class RowDistillationSettings(Section):
    """New rows fitted before training: the frozen model reads each text in old and in new tokens and must think alike.

    Sources: Token Distillation (arXiv 2505.20133) for the input rows, ALM (arXiv 2503.20083) for the output rows.
    """

    steps: int = Field(
        default=200, ge=1, description="Steps of fitting, each on the texts of one step of training, in its order"
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Peak learning rate of the fitted rows")
    outputs: bool = Field(
        default=True,
        description="Fit output rows too, to the probability that the old spelling gives the same text; false: only "
        "input rows. Where both matrices are one, its rows are fitted to both",
    )


class SelfDistillationSettings(Section):
    """All that is trained pulled to what the model, as it began, makes of the same text in the base's own tokens.

    Sources: ALM (Minixhofer et al., arXiv 2503.20083), whose likelihoods of chunks are here those of every next piece;
    Token Distillation (arXiv 2505.20133) for the hidden states.
    """

    steps: int = Field(
        default=200,
        ge=1,
        description="Steps before training, each on the texts of one step of it, in its order; over again when they "
        "are more than the run has",
    )
    rows_steps: int | None = Field(
        default=None,
        ge=0,
        description="Steps of these, the first ones, that move the new rows alone; null: half of them, 0: none",
    )
    learning_rate: float = Field(
        default=1e-4, gt=0, description="Peak learning rate of all that is trained, after rows_steps"
    )
    embedding_learning_rate: float = Field(
        default=1e-3, gt=0, description="Peak learning rate of new rows in rows_steps"
    )
    hidden_weight: float = Field(
        default=1.0, ge=0, description="Weight of the hidden states behind each token against the next pieces; 0: off"
    )

    @model_validator(mode="after")
    def _check(self) -> SelfDistillationSettings:
        if self.first_steps > self.steps:
            raise ValueError(f"rows_steps is {self.rows_steps}, more than the {self.steps} steps they are a part of")
        return self

    @property
    def first_steps(self) -> int:
        """Steps that move the new rows alone."""
        return self.steps // 2 if self.rows_steps is None else self.rows_steps
