"""The training loop.

A step takes the next sequences of the mixture, sums the loss over their targets in micro-batches, divides
by the number of targets (so that every token weighs the same, however documents fall), clips the gradient
and moves the weights. Everything random is a function of the step: the order of the data was drawn before
the start, and the seed of dropout is set anew at each step. So a resumed run is the same run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hanhua.bits import bits_of_nats
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import TrainingModel, parameter_groups, trainable_parameters
from hanhua.continued_pretrain.pack import IGNORED
from hanhua.continued_pretrain.schedule import rate_factor
from hanhua.continued_pretrain.stop import stop_on_signals
from hanhua.continued_pretrain.train_log import Measured, TrainLog
from hanhua.continued_pretrain.training_data import MicroBatch, TrainingData
from hanhua.errors import HanhuaError
from hanhua.progress import Progress, say


def train(
    model: TrainingModel,
    data: TrainingData,
    config: ContinuedPretrainConfig,
    *,
    accelerator: Any,
    checkpoints: Checkpoints,
    logs: Path,
    name: str = "continued_pretrain",
    after_step: Callable[[TrainState], None] | None = None,
) -> TrainState:
    """Train to the end of the mixture, from the last checkpoint if there is one; return where it ended.

    after_step: called in every process when a step is done and logged. The last step is
    always a checkpoint. Raises HanhuaError when loss or gradient is no longer finite.
    """
    wrapped = accelerator.prepare(model).train()
    parameters = trainable_parameters(model)
    optimizer = torch.optim.AdamW(parameter_groups(model, config), betas=(config.beta1, config.beta2), fused=True)
    with accelerator.main_process_first():  # it removes what is damaged
        state = checkpoints.load_latest(parameters, optimizer) or TrainState()
    if state.step:
        say(f"{name}: going on from the checkpoint of step {state.step:,}")
    batch_sequences = config.micro_batch_sequences * config.gradient_accumulation * accelerator.num_processes
    steps, total = len(data.mixture) // batch_sequences, len(data.mixture) * data.length
    log = TrainLog(logs, done=state.step, enabled=accelerator.is_main_process)
    with log, Progress(name, total=total, unit="tokens", done=state.tokens) as bar, stop_on_signals() as stop:
        for step in range(state.step, steps):
            began = time.monotonic()
            torch.manual_seed(_dropout_seed(config.seed, step, accelerator.process_index))
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate_factor(step, steps=steps, config=config)
            measured = _make_gradient(wrapped, data, state.sequences, config, accelerator)
            _refuse_not_finite(measured, step, optimizer, checkpoints)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

            state = _advanced(state, measured.loss, batch_sequences, data.length)
            bar.advance(batch_sequences * data.length, note=f"step {state.step:,}/{steps:,} loss {measured.loss:.3f}")
            log.write(state, measured, optimizer, seconds=time.monotonic() - began)
            if after_step is not None:
                after_step(state)
            if state.step % config.checkpoint_every_steps == 0 or state.step == steps or stop:
                if accelerator.is_main_process:
                    checkpoints.save(state, parameters, optimizer)
                accelerator.wait_for_everyone()
            if stop and state.step < steps:
                say(f"{name}: asked to stop; step {state.step:,} is saved, run the same command again to go on")
                stop.raise_it()
    return state


def _make_gradient(
    wrapped: Any, data: TrainingData, first: int, config: ContinuedPretrainConfig, accelerator: Any
) -> Measured:
    """Accumulate and clip the gradient of the step whose sequences begin at place `first` of the run.

    Every process reads the whole step's targets, which are few bytes, so that all divide by one number
    without asking each other. DDP averages over processes; times their number, the mean is a sum again.
    """
    micro, processes = config.micro_batch_sequences, accelerator.num_processes
    count = micro * config.gradient_accumulation * processes
    batch, is_chinese = data.batch(first, count), data.is_chinese(first, count)
    targets = int((batch.labels_BL != IGNORED).sum())
    nats = torch.zeros(2, dtype=torch.float64, device=accelerator.device)  # of all, of Chinese
    for turn in range(config.gradient_accumulation):
        low = (turn * processes + accelerator.process_index) * micro
        rows = slice(low, low + micro)
        part = MicroBatch.of(batch, rows, accelerator.device)
        last = turn == config.gradient_accumulation - 1
        with nullcontext() if last else accelerator.no_sync(wrapped):
            loss, nats_BL = wrapped(part.input_ids_BL, part.position_ids_BL, part.labels_BL)
            accelerator.backward(loss * (processes / targets))
        nats_B = nats_BL.sum(dim=1, dtype=torch.float64)
        chinese_B = torch.from_numpy(is_chinese[rows]).to(nats_B.device)
        nats += torch.stack([nats_B.sum(), nats_B[chinese_B].sum()])
    all_nats, chinese_nats = accelerator.reduce(nats, "sum").tolist()
    characters = data.characters(batch.labels_BL[is_chinese])
    limit = math.inf if config.max_grad_norm is None else config.max_grad_norm
    norm = accelerator.clip_grad_norm_(wrapped.parameters(), limit)
    bits = bits_of_nats(chinese_nats) / characters if characters else None
    return Measured(all_nats / targets, bits, float(norm))


def _refuse_not_finite(
    measured: Measured, step: int, optimizer: torch.optim.Optimizer, checkpoints: Checkpoints
) -> None:
    """Stop before a NaN reaches the weights; the last checkpoint on disk is from before it."""
    if math.isfinite(measured.loss) and math.isfinite(measured.grad_norm):
        return
    rates = ", ".join(f"{group['name']} {group['lr']:.2g}" for group in optimizer.param_groups)
    last = checkpoints.latest()
    raise HanhuaError(
        f"step {step + 1:,}: loss {measured.loss}, gradient norm {measured.grad_norm}, so training stopped before "
        f"the weights took harm (learning rates: {rates}). Lower them, lengthen warmup_ratio or set max_grad_norm. "
        f"Last good checkpoint: {last if last else 'none yet'}"
    )


def _advanced(state: TrainState, loss: float, sequences: int, length: int) -> TrainState:
    return replace(
        state,
        step=state.step + 1,
        sequences=state.sequences + sequences,
        tokens=state.tokens + sequences * length,
        first_loss=loss if state.first_loss is None else state.first_loss,
        last_loss=loss,
    )


def _dropout_seed(seed: int, step: int, process: int) -> int:
    return (seed * 1_000_003 + step) * 1_009 + process
