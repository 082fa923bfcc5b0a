"""Settings of the toy model a base may be: shape and training. The stage `base` requests it, training makes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hanhua.config_fields import EXECUTION


class ToySettings(BaseModel):
    """A tiny seeded model of the Llama 3 architecture: it tests that a run works; its scores mean nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden_size: int = Field(default=64, ge=8, description="Width of the hidden states")
    layers: int = Field(default=2, ge=1, description="Number of decoder layers")
    heads: int = Field(default=4, ge=1, description="Number of attention heads")
    kv_heads: int = Field(default=2, ge=1, description="Number of key/value heads (grouped-query attention)")
    intermediate_size: int | None = Field(
        default=None, ge=8, description="Width of the MLP; null: 3.5 x hidden_size, as in Llama 3"
    )
    initializer_range: float = Field(default=0.02, gt=0, description="Standard deviation of the random initialization")
    seed: int = Field(default=0, ge=0, description="Random seed of initialization and data order")
    pretrain_tokens: int = Field(
        default=30_000, ge=0, description="Number of tokens of the corpus's English it is trained on; 0: none"
    )
    sequence_length: int = Field(default=256, ge=8, description="Length of a training sequence in tokens")
    batch_size: int = Field(default=2, ge=1, description="Sequences per step")
    learning_rate: float = Field(default=3e-3, gt=0, description="Peak learning rate")
    threads: Annotated[int | None, EXECUTION] = Field(
        default=None, ge=1, description="Number of CPU threads; null: torch's default"
    )

    @model_validator(mode="after")
    def _check(self) -> ToySettings:
        if self.hidden_size % self.heads or (self.hidden_size // self.heads) % 2:
            raise ValueError(f"hidden_size {self.hidden_size} does not split into {self.heads} heads of an even width")
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) is not a multiple of kv_heads ({self.kv_heads})")
        return self
