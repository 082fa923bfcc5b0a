"""A run in phases: the new rows first, then adapters too, then better data. Each has its own mixture and schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.mixture import Mixture, apportion, order_mixtures
from hanhua.continued_pretrain.synthetic_shares import mixed_shares
from hanhua.continued_pretrain.trained import ROWS


@dataclass(frozen=True)
class Phase:
    """Steps [first_step, first_step + steps) of a run. config: the run's, with the phase's own settings put in."""

    number: int
    name: str
    config: ContinuedPretrainConfig
    first_step: int
    steps: int
    only: str | None

    @property
    def end(self) -> int:
        """The step after its last."""
        return self.first_step + self.steps

    def trains(self, name: str) -> bool:
        """Return whether the parameter of this name is trained in this phase."""
        if self.only == "new_embeddings":
            return name.startswith(ROWS)
        if self.only == "embeddings":
            return "embed_tokens" in name or "lm_head" in name
        if self.only == "lora":
            return ".lora_" in name
        return True

    def chosen(self, parameters: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
        """Return those of the parameters that are trained in this phase."""
        return {name: parameter for name, parameter in parameters.items() if self.trains(name)}


def plan_phases(config: ContinuedPretrainConfig, *, steps: int) -> list[Phase]:
    """Return the phases of a run of `steps` steps; one without a name when the recipe names none."""
    if not config.phases:
        return [Phase(0, "", config, 0, steps, None)]
    counts = apportion([phase.tokens_ratio for phase in config.phases], steps)
    phases, first = [], 0
    for number, (settings, count) in enumerate(zip(config.phases, counts, strict=True)):
        changes = settings.model_dump(exclude={"name", "tokens_ratio", "trainable"}, exclude_none=True)
        resolved = config.model_copy(update=changes)
        phases.append(Phase(number, settings.name, resolved, first, count, settings.trainable))
        first += count
    return [phase for phase in phases if phase.steps]


def order_phases(
    config: ContinuedPretrainConfig, sequences: Mapping[str, int], *, steps: int, batch_sequences: int
) -> Mixture:
    """Return the order of all phases' sequences; none comes twice before all of its corpus came once."""
    wanted = [
        (
            mixed_shares(phase.config.weights, sequences, length=config.sequence_length, settings=config.synthetic),
            phase.steps * batch_sequences,
        )
        for phase in plan_phases(config, steps=steps)
    ]
    return order_mixtures(wanted, sequences, seed=config.seed)
