"""What is trained: its parameters by name, whole when they lie shared out, and the optimizer's groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import TrainingModel
from hanhua.errors import InvariantError

ROWS = "rows."


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return what is trained, by name, in a stable order."""
    return {name: p for name, p in sorted(model.named_parameters()) if p.requires_grad}


def parameter_groups(
    model: TrainingModel, config: ContinuedPretrainConfig, parameters: Mapping[str, nn.Parameter] | None = None
) -> list[dict[str, Any]]:
    """Return AdamW's groups: new rows with their own rate and without weight decay, the rest by kind.

    parameters: those to move, by name; None for all that are trained.
    Rows are values, not deltas: decay would pull a word's embedding towards zero, where it means nothing.
    For the same reason norms, magnitudes and whole matrices of words are not decayed.
    """
    rows, decayed, kept = [], [], []
    parameters = trainable_parameters(model) if parameters is None else parameters
    for name, parameter in parameters.items():
        if name.startswith(ROWS):
            rows.append(parameter)
        elif parameter.ndim < 2 or "embed_tokens" in name or "lm_head" in name:
            kept.append(parameter)
        else:
            decayed.append(parameter)
    groups = [
        {"name": "weights", "params": decayed, "peak": config.learning_rate, "weight_decay": config.weight_decay},
        {"name": "undecayed", "params": kept, "peak": config.learning_rate, "weight_decay": 0.0},
        {"name": "rows", "params": rows, "peak": config.embedding_learning_rate, "weight_decay": 0.0},
    ]
    # A phase of adapters alone moves no rows; all else moves them wherever there are any.
    all_of_it = parameters.keys() == trainable_parameters(model).keys()
    expected = (model.first_new_id is not None and (all_of_it or bool(rows))) * (1 if model.tied else 2)
    if len(rows) != expected:
        raise InvariantError(f"{len(rows)} matrices of new rows are trained, where {expected} were expected")
    return [{**group, "lr": group["peak"]} for group in groups if group["params"]]


def whole(tensor: Any) -> Tensor:
    """Return a tensor on the CPU, gathered from all processes when it is shared out: then all must call."""
    full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return torch.as_tensor(full).detach().cpu().contiguous()


def laid_as(tensor: Tensor, like: Any) -> Tensor:
    """Return a whole tensor as `like` lies: this process's share of it on its device."""
    if not isinstance(like, DTensor):
        return tensor.to(like.device)
    from torch.distributed.tensor import distribute_tensor

    # Every process has read the whole tensor, so nothing needs to be sent.
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def clip_gradient(parameters: list[nn.Parameter], limit: float) -> float:
    """Scale gradients down to a norm of at most `limit`, over all processes' shares; return the norm before."""
    norm = nn.utils.clip_grad_norm_(parameters, limit)
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
