"""What a comparison consists of: every arm with every seed, and the placebo arms. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hanhua.experiments.evidence.recipe import PLACEBO, PLACEBO_SEEDS, EvidenceRecipe

Kind = Literal["arm", "twin", "no_rate"]
TWIN, NO_RATE = f"{PLACEBO}twin", f"{PLACEBO}no-rate"


@dataclass(frozen=True)
class Job:
    """One training and its measurement. arm: whose settings. seed: what the arm is called by; see `training_seed`."""

    kind: Kind
    arm: str
    seed: int

    @property
    def label(self) -> str:
        """What it is called in files and tables: the arm's name, or the placebo's."""
        return {"arm": self.arm, "twin": TWIN, "no_rate": NO_RATE}[self.kind]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.label}/seed-{self.seed}"

    @property
    def training_seed(self) -> int:
        """The seed it is trained with: a twin has another than the arm it is the twin of."""
        return self.seed + (PLACEBO_SEEDS if self.kind == "twin" else 0)


def jobs_of(recipe: EvidenceRecipe) -> list[Job]:
    """Return all jobs, seed by seed, so that a comparison cut short has tried every arm equally often."""
    found = []
    for seed in recipe.seeds:
        found += [Job("arm", arm, seed) for arm in recipe.arms]
        if recipe.placebos:
            found += [Job("twin", recipe.reference, seed), Job("no_rate", recipe.reference, seed)]
    return found
