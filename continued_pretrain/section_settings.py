"""Sections within a recipe's settings of training: adapters, price, phases. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hanhua.config_fields import Section

Schedule = Literal["cosine", "wsd"]


class LoraSettings(Section):
    """Low-rank adapters on the linear layers (Hu et al. 2021)."""

    rank: int = Field(default=64, ge=1, description="Rank of the adapters; 64 to 128 for continued pretraining")
    alpha: float = Field(
        default=16.0,
        gt=0,
        description="Scales the update: alpha/sqrt(rank) with rslora (16 at rank 64: 2.0), else alpha/rank",
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Dropout before each adapter; 0 is usual for one pass over text"
    )
    rslora: bool = Field(
        default=True, description="Scale by 1/sqrt(rank) (rsLoRA), so that a higher rank does not learn more slowly"
    )
    dora: bool = Field(
        default=False,
        description="Learn the magnitude of each output separately from its direction (DoRA): slower, better",
    )
    targets: Literal["all-linear"] | tuple[str, ...] = Field(
        default="all-linear", description="Linear layers to adapt, by name (q_proj, …); all-linear: all except lm_head"
    )


class PriceSettings(Section):
    """Price of a device, for the cost shown during training on devices of this kind."""

    dollars_per_hour: float = Field(
        ge=0, description="US dollars per hour for one GPU or, with device: cpu, for the machine"
    )
    device: Literal["gpu", "cpu"] = Field(
        default="gpu", description="Kind of device the price is for; on another kind no cost is shown"
    )


class PhaseSettings(Section):
    """A part of the run with its own settings; null takes the run's setting."""

    name: str = Field(description="Name in progress and log, such as rows, main or anneal")
    tokens_ratio: float = Field(gt=0, le=1, description="Share of the run's tokens")
    trainable: Literal["new_embeddings", "embeddings", "lora"] | None = Field(
        default=None,
        description="new_embeddings, embeddings or lora: only these, out of what the run trains; null: all of it",
    )
    weights: dict[str, float] | None = Field(
        default=None, description="Share of each corpus in this phase; null: as in the run"
    )
    learning_rate: float | None = Field(
        default=None, gt=0, description="Peak learning rate of the adapters; null: as in the run"
    )
    embedding_learning_rate: float | None = Field(
        default=None, gt=0, description="Peak learning rate of the new rows; null: as in the run"
    )
    schedule: Schedule | None = Field(default=None, description="cosine or wsd, over this phase; null: as in the run")
    warmup_ratio: float | None = Field(
        default=None,
        ge=0,
        le=0.5,
        description="Share of this phase's steps in which the learning rate rises; null: as in the run",
    )
    decay_ratio: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="wsd: share of this phase's steps in which the learning rate falls; null: as in the run",
    )
    min_learning_rate_ratio: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Learning rate at the phase's end relative to its peak; null: as in the run",
    )
