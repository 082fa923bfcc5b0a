"""Optimizers by name, behind one face: AdamW, AdamW with moments in 8 bits, or Muon for matrices, AdamW for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.estimate import Placement
from hanhua.continued_pretrain.model import TrainingModel
from hanhua.continued_pretrain.trained import laid_as, parameter_groups
from hanhua.errors import InvariantError, MissingExtra, UsageError

ADAMW_STATE = frozenset({"step", "exp_avg", "exp_avg_sq"})
MUON_STATE = frozenset({"momentum_buffer"})
MUON_MOMENTUM = 0.95


class Optimizers:
    """One or several torch optimizers that move disjoint parameters, used as if they were one."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = list(parts)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all of them; a learning rate set here is used."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        """Move all parameters by their gradients."""
        for part in self.parts:
            part.step()


AnyOptimizer: TypeAlias = torch.optim.Optimizer | Optimizers


def state_of(parameters: Mapping[str, nn.Parameter], optimizer: AnyOptimizer) -> Iterator[tuple[str, str, Any]]:
    """Yield (parameter's name, name of the value, value) of all that is kept for the parameters that are moved.

    Raises InvariantError for a parameter that has no state, or a part of it.
    """
    for name, parameter, part in _moved(parameters, optimizer):
        kept = part.state[parameter]
        if not kept or set(kept) != _expected(part, set(kept)):
            raise InvariantError(f"{name}: the optimizer has {sorted(kept) or 'nothing'} for it")
        for key, value in kept.items():
            yield name, key, value


def restore_state(
    parameters: Mapping[str, nn.Parameter], optimizer: AnyOptimizer, saved: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Put back what `state_of` gave, as tensors by parameter and name of the value.

    Raises InvariantError unless it is the state of these parameters.
    """
    moved = _moved(parameters, optimizer)
    if {name for name, _, _ in moved} != set(saved):
        raise InvariantError(f"optimizer tensors of {len(saved)} parameters, where {len(moved)} are moved")
    for name, parameter, part in moved:
        kept = saved[name]
        if set(kept) != _expected(part, set(kept)):
            raise InvariantError(f"{name}: optimizer tensors {sorted(kept)}, which are not those of this optimizer")
        state: dict[str, Any] = {}
        for key, value in kept.items():
            like = value.shape == parameter.shape
            state[key] = laid_as(value, parameter) if like else value.to(parameter.device)
        if "step" in kept:
            state["step"] = _step(kept["step"], parameter, part)
        part.state[parameter] = state


def _step(step: Tensor, parameter: nn.Parameter, part: torch.optim.Optimizer) -> Any:
    """Return a step count as its optimizer keeps it: of AdamW's kernels the fused one wants it on the device."""
    if not isinstance(part, torch.optim.AdamW):
        return int(step)
    return step.to(parameter.device if part.defaults.get("fused") else torch.device("cpu"))


def _expected(part: torch.optim.Optimizer, found: set[str]) -> set[str]:
    """Return the names of an optimizer's state; of eight bits they depend on the size of the parameter."""
    if isinstance(part, torch.optim.AdamW):
        return set(ADAMW_STATE)
    return set(MUON_STATE) if type(part).__name__ == "Muon" else found


def _moved(
    parameters: Mapping[str, nn.Parameter], optimizer: AnyOptimizer
) -> list[tuple[str, nn.Parameter, torch.optim.Optimizer]]:
    parts = optimizer.parts if isinstance(optimizer, Optimizers) else [optimizer]
    owner = {id(parameter): part for part in parts for group in part.param_groups for parameter in group["params"]}
    moved = [
        (name, parameter, owner[id(parameter)]) for name, parameter in parameters.items() if id(parameter) in owner
    ]
    if len(moved) != len(owner):
        raise InvariantError(f"{len(moved)} parameters are named of {len(owner)} that the optimizer moves")
    return moved


def make_optimizer(
    model: TrainingModel,
    config: ContinuedPretrainConfig,
    parameters: Mapping[str, nn.Parameter],
    *,
    placement: Placement,
) -> Optimizers:
    """Return the optimizer of these parameters by `config.optimizer`.

    Raises UsageError for one that does not work where training runs, MissingExtra without its package.
    """
    check_optimizer(config, placement=placement)
    groups = parameter_groups(model, config, parameters)
    betas = (config.beta1, config.beta2)
    if config.optimizer == "adamw_8bit":
        import bitsandbytes

        return Optimizers([bitsandbytes.optim.AdamW8bit(groups, betas=betas)])
    if config.optimizer == "muon":
        matrices = [group for group in groups if group["name"] == "weights"]
        others = [group for group in groups if group["name"] != "weights"]
        # Scaled as AdamW's steps are (Liu et al. 2025, Muon is Scalable), so that the same learning rates serve.
        parts: list[torch.optim.Optimizer] = []
        if matrices:
            parts.append(torch.optim.Muon(matrices, momentum=MUON_MOMENTUM, adjust_lr_fn="match_rms_adamw"))
        if others:
            parts.append(torch.optim.AdamW(others, betas=betas, fused=True))
        return Optimizers(parts)
    return Optimizers([torch.optim.AdamW(groups, betas=betas, fused=True)])


def check_optimizer(config: ContinuedPretrainConfig, *, placement: Placement) -> None:
    """Raise UsageError or MissingExtra where the chosen optimizer cannot work."""
    if config.optimizer == "adamw":
        return
    if placement == "fsdp2":
        raise UsageError(f"optimizer: {config.optimizer} needs whole matrices, and fsdp2 shards them; use adamw")
    if config.optimizer == "muon" and not hasattr(torch.optim, "Muon"):
        raise UsageError(f"optimizer: muon is in torch from 2.9 on, and this is {torch.__version__}")
    if config.optimizer == "adamw_8bit":
        try:
            import bitsandbytes  # noqa: F401
        except ImportError:
            raise MissingExtra("optimizer: adamw_8bit (bitsandbytes)", "qlora") from None
