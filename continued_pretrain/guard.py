"""Stops a run before a damaging step: a loss or gradient that is not finite, or a loss that jumps."""

from __future__ import annotations

import math

from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.optimizers import AnyOptimizer
from hanhua.continued_pretrain.train_log import Measured
from hanhua.errors import HanhuaError

SETTLED_STEPS = 20


def refuse_bad_step(
    measured: Measured,
    state: TrainState,
    optimizer: AnyOptimizer,
    checkpoints: Checkpoints,
    config: ContinuedPretrainConfig,
) -> None:
    """Raise HanhuaError before a bad gradient reaches the weights; the last checkpoint on disk is from before it."""
    if not (math.isfinite(measured.loss) and math.isfinite(measured.grad_norm)):
        what = f"loss {measured.loss}, gradient norm {measured.grad_norm}"
    elif _jumped(measured.loss, state, config):
        what = f"loss {measured.loss:.3f}, where its running mean is {state.mean_loss:.3f} (loss_spike_threshold)"
    else:
        return
    rates = ", ".join(f"{group['name']} {group['lr']:.2g}" for group in optimizer.param_groups)
    last = checkpoints.latest()
    raise HanhuaError(
        f"step {state.step + 1:,}: {what}, so training stopped before "
        f"the weights were damaged (learning rates: {rates}). Lower them, lengthen warmup_ratio or set max_grad_norm. "
        f"Last good checkpoint: {last if last else 'none yet'}"
    )


def _jumped(loss: float, state: TrainState, config: ContinuedPretrainConfig) -> bool:
    if config.loss_spike_threshold is None or state.mean_loss is None or state.step < SETTLED_STEPS:
        return False
    return loss > state.mean_loss + config.loss_spike_threshold
