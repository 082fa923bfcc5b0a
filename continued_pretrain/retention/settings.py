"""A recipe's settings of what the base should keep. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from hanhua.config_fields import Section

BuiltIn = Literal["english", "mathematics", "code"]


class ReplaySettings(Section):
    """A share of replay that follows the measured loss of what the base knew, between limits."""

    corpora: tuple[str, ...] = Field(
        min_length=1,
        description="Corpora of the kind of text the base knew; together they have the share that follows the "
        "measurement, and begin with that of their weights",
    )
    target_loss_increase: float = Field(
        default=0.01,
        gt=0,
        description="Increase of bits per byte over step 0 that is to be held, 0.01 for 1%. The share follows the "
        "upper end of the increase's 95% interval: at half of this it stays, at all of it it doubles, below half it "
        "falls slowly",
    )
    min_share: float = Field(default=0.05, gt=0, lt=1, description="Least share of the sequences that are replay")
    max_share: float = Field(default=0.4, gt=0, lt=1, description="Greatest share of the sequences that are replay")
    sets: tuple[str, ...] = Field(
        default=(), description="Sets of which the worst decides; empty: all that are to be retained"
    )

    @model_validator(mode="after")
    def _check(self) -> ReplaySettings:
        if self.min_share > self.max_share:
            raise ValueError(f"min_share {self.min_share:g} is above max_share {self.max_share:g}")
        return self


class RetentionSettings(Section):
    """Held-out texts that are measured while training, in bits per byte against step 0, and what follows from it."""

    eval_steps: int = Field(default=100, ge=1, description="Steps between two measurements; the last step is one too")
    sets: tuple[BuiltIn, ...] = Field(
        default=("english", "mathematics", "code"),
        description="Built-in sets of what the base knew, of some 4 KB each",
    )
    heldout: tuple[str, ...] = Field(
        default=(),
        description="Corpora whose held-out split is measured too: Chinese ones as what is learned, all others as what "
        "is to be retained",
    )
    max_set_bytes: int = Field(
        default=16_384, ge=256, description="Bytes of a corpus's held-out split that are measured at most"
    )
    max_loss_increase: float | None = Field(
        default=0.1,
        gt=0,
        description="Stop when the bits per byte of a set to be retained are surely (95%) above those of step 0 by "
        "more than this, 0.1 for 10%; null: never stop",
    )
    final: Literal["last", "best"] = Field(
        default="last",
        description="Which weights the run ends with. best: the lowest bits per byte of what is learned among "
        "measurements within the limit, to which it also returns at a stop",
    )
    early_stopping_patience: int | None = Field(
        default=None, ge=1, description="End after this many measurements without a new best one; null: never"
    )
    replay: ReplaySettings | None = Field(
        default=None, description="Share of replay that follows the measurement; null: it stays as the weights say"
    )

    @model_validator(mode="after")
    def _check(self) -> RetentionSettings:
        if not self.sets and not self.heldout:
            raise ValueError("sets and heldout are both empty, so there is nothing to measure")
        unknown = sorted(set(self.replay.sets if self.replay else ()) - {*self.sets, *self.heldout})
        if unknown:
            raise ValueError(f"replay.sets names {unknown[0]!r}, which is in neither sets nor heldout")
        return self

    @property
    def limit(self) -> float | None:
        """The increase within which a measurement counts as good: the target of replay, else the limit to stop at."""
        return self.replay.target_loss_increase if self.replay else self.max_loss_increase
