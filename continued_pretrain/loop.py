"""The training loop.

A step takes the next sequences of the mixture, sums the loss over their targets in micro-batches, divides
by the number of targets (so that every token weighs the same, however documents fall), clips the gradient
and moves the weights. Everything random is a function of the step: the order of the data was drawn before
the start, and the seed of dropout is set anew at each step. So a resumed run is the same run.

Shape suffixes: B sequences of a batch, L tokens of one, C corpora.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hanhua.bits import bits_of_nats
from hanhua.continued_pretrain.attention import on_device
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.guard import refuse_bad_step
from hanhua.continued_pretrain.model import TrainingModel
from hanhua.continued_pretrain.optimizers import make_optimizer
from hanhua.continued_pretrain.pack import IGNORED
from hanhua.continued_pretrain.parallel import Placed
from hanhua.continued_pretrain.phases import Phase, plan_phases
from hanhua.continued_pretrain.schedule import rate_factor
from hanhua.continued_pretrain.stop import StopRequest, stop_on_signals
from hanhua.continued_pretrain.train_log import Measured, TrainLog
from hanhua.continued_pretrain.trained import clip_gradient, trainable_parameters
from hanhua.continued_pretrain.training_data import MicroBatch, TrainingData
from hanhua.progress import Progress, say


@dataclass
class Run:
    """All that a step needs, and the position of the run.

    batch_sequences: sequences of a step over all processes. after_step: called in every process; may return the state
    with more in it.
    """

    model: TrainingModel
    placed: Placed
    data: TrainingData
    config: ContinuedPretrainConfig
    accelerator: Any
    checkpoints: Checkpoints
    log: TrainLog
    batch_sequences: int
    name: str
    state: TrainState
    after_step: Callable[[TrainState], TrainState | None] | None = None

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return len(self.data.mixture) // self.batch_sequences


def train(run: Run) -> TrainState:
    """Train to the end of the mixture from `run.state` on; return where it ended.

    The last step is always a checkpoint. Raises HanhuaError when loss or gradient is no longer finite, or jumps. A
    signal is honored at any time, even after the last step, so that the pipeline does not start the next stage.
    """
    if run.state.step:
        say(f"{run.name}: resuming from the checkpoint of step {run.state.step:,}")
    total = len(run.data.mixture) * run.data.length
    progress = Progress(run.name, total=total, unit="tokens", done=run.state.tokens)
    with run.log, progress as bar, stop_on_signals() as stop:
        for phase in plan_phases(run.config, steps=run.steps):
            if run.state.step < phase.end:
                _train_phase(run, phase, bar, stop)
        if stop:  # it came after the last step had looked
            _leave(run, stop)
    return run.state


def _train_phase(run: Run, phase: Phase, bar: Progress, stop: StopRequest) -> None:
    everything = trainable_parameters(run.model)
    parameters = phase.chosen(everything)
    optimizer = make_optimizer(run.model, phase.config, parameters, placement=run.placed.kind)
    if run.state.step > phase.first_step:
        run.checkpoints.load_moments(run.state, parameters, optimizer)
    elif phase.name:
        say(f"{run.name}: phase {phase.name}, {phase.steps:,} steps")
    for step in range(run.state.step, phase.end):
        began = time.monotonic()
        torch.manual_seed(_dropout_seed(run.config.seed, step, run.accelerator.process_index))
        for group in optimizer.param_groups:
            factor = rate_factor(step - phase.first_step, steps=phase.steps, config=phase.config)
            group["lr"] = group["peak"] * factor
        measured = _make_gradient(run, everything, parameters)
        refuse_bad_step(measured, run.state, optimizer, run.checkpoints, run.config)
        optimizer.step()
        _forget_gradients(everything)

        run.state = run.state.advanced(measured.loss, run.batch_sequences, run.data.length)
        run.log.write(run.state, measured, optimizer, seconds=time.monotonic() - began)
        bar.advance(run.batch_sequences * run.data.length, note=_note(run, measured))
        if run.after_step is not None:
            run.state = run.after_step(run.state) or run.state
        stopping = any_process(stop, run.accelerator)
        if run.state.step % run.config.save_steps == 0 or run.state.step == phase.end or stopping:
            run.checkpoints.save(run.state, everything, optimizer, write=run.accelerator.is_main_process)
            run.accelerator.wait_for_everyone()
        if stopping:
            _leave(run, stop)


def _note(run: Run, measured: Measured) -> str:
    note = f"step {run.state.step:,}/{run.steps:,} loss {measured.loss:.3f}"
    if run.log.dollars is None:
        return note
    return f"{note} · ${run.log.dollars:,.2f} of ${run.log.dollars * run.steps / run.state.step:,.2f}"


def _leave(run: Run, stop: StopRequest) -> None:
    say(f"{run.name}: asked to stop; step {run.state.step:,} is saved, run the same command again to resume")
    stop.raise_it()


def _make_gradient(run: Run, everything: dict[str, nn.Parameter], parameters: dict[str, nn.Parameter]) -> Measured:
    """Accumulate and clip the gradient of the next step.

    Every process reads the whole step's targets, which are few bytes, so that all divide by one number
    without asking each other. DDP and FSDP2 average over processes; times their number, the mean is a sum again.
    """
    data, config, accelerator = run.data, run.config, run.accelerator
    micro, processes, first = config.micro_batch_size, accelerator.num_processes, run.state.sequences
    turns = run.batch_sequences // (micro * processes)
    batch, corpus_B = data.batch(first, run.batch_sequences), data.corpus(first, run.batch_sequences)
    targets = int((batch.labels_BL != IGNORED).sum())
    nats_C = torch.zeros(len(data.mixture.names), dtype=torch.float64, device=accelerator.device)
    for turn in range(turns):
        low = (turn * processes + accelerator.process_index) * micro
        rows = slice(low, low + micro)
        part = MicroBatch.of(batch, rows, accelerator.device)
        with run.placed.gradients(last=turn == turns - 1):
            loss, nats_BL = run.placed.module(part.input_ids_BL, part.position_ids_BL, part.labels_BL, part.documents)
            (loss * (processes / targets)).backward()
        nats_B = nats_BL.sum(dim=1, dtype=torch.float64)
        nats_C.index_add_(0, on_device(torch.from_numpy(corpus_B[rows]), nats_B.device), nats_B)
    by_corpus = dict(zip(data.mixture.names, accelerator.reduce(nats_C, "sum").tolist(), strict=True))
    for name, parameter in everything.items():
        if name not in parameters:
            parameter.grad = None
    limit = math.inf if config.max_grad_norm is None else config.max_grad_norm
    norm = clip_gradient(list(parameters.values()), limit)
    bits: dict[str, float] = {}
    for number, name in enumerate(data.mixture.names):
        characters = data.characters(batch.labels_BL[corpus_B == number])
        if characters:
            bits[name] = bits_of_nats(by_corpus[name]) / characters
    chinese = data.bits_of_language("zh", by_corpus, batch.labels_BL, corpus_B)
    return Measured(sum(by_corpus.values()) / targets, chinese, norm, bits)


def _forget_gradients(parameters: dict[str, nn.Parameter]) -> None:
    for parameter in parameters.values():
        parameter.grad = None


def any_process(stop: StopRequest, accelerator: Any) -> bool:
    """Return whether any process was asked to stop: all must save and leave at the same step."""
    if accelerator.num_processes == 1:
        return bool(stop)
    asked = torch.tensor([stop.signal or 0], device=accelerator.device)
    highest = int(accelerator.gather(asked).max())
    # A signal that comes while the processes answer one another waits for the next step; it must not be forgotten.
    if highest:
        stop.signal = highest
    return bool(highest)


def _dropout_seed(seed: int, step: int, process: int) -> int:
    return (seed * 1_000_003 + step) * 1_009 + process
