"""All that is trained, pulled before training to what the model made of a text in the base's own tokens.

Teacher and student are one model with two vocabularies. The teacher reads a text in the base's tokens and stays as the
model was; the student reads it in new ones and learns, with all weights that training moves, to give every next piece
the teacher's probability (`next_piece_loss`, after ALM: Minixhofer et al., arXiv 2503.20083) and to have its hidden
states behind every token (Token Distillation: Dobler et al., arXiv 2505.20133). New rows may go first, alone and fast,
all else frozen. All text counts, also what holds no new token: the teacher's English is held too.

With adapters the teacher is the same weights, adapters off; where whole matrices are trained it is a copy of them.
Several processes share each step's texts; every one holds the whole model (and its copy) meanwhile, however training is
going to place it. It has checkpoints of its own, so that a kill within it or later changes no bit.

Shape suffixes: B sequences, L student tokens of one, T teacher tokens of one, D width, V rows of the head, R trained
ones of them.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hanhua.artifacts.files import write_durably
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import TrainingModel
from hanhua.continued_pretrain.new_token_settings import SelfDistillationSettings
from hanhua.continued_pretrain.next_piece_loss import Beginnings, next_piece_loss
from hanhua.continued_pretrain.old_segmentation import Pieces, pieces_of_new_tokens
from hanhua.continued_pretrain.optimizers import make_optimizer
from hanhua.continued_pretrain.row_distillation import hidden_of, in_bf16, texts_of_step
from hanhua.continued_pretrain.schedule import rate_factor
from hanhua.continued_pretrain.spelling_likelihoods import Aligned
from hanhua.continued_pretrain.train_log import read_rows
from hanhua.continued_pretrain.trained import ROWS, clip_gradient, trainable_parameters
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.errors import InputError
from hanhua.progress import Progress

CHECKPOINTS = "self_distillation"
LOG = "self_distillation.jsonl"
"""Losses and seconds of each step, which are before the first step of training."""


class Teacher:
    """The model as it was, reading the base's own tokens."""

    def __init__(self, model: TrainingModel, config: ContinuedPretrainConfig) -> None:
        self._shared = config.mode in ("adapters", "new_embeddings")
        # Before any step: adapters add nothing, and rows held apart are of new tokens, which are not read.
        self._model = model if self._shared else copy.deepcopy(model).requires_grad_(False)

    @property
    def output_matrix(self) -> Tensor:
        """Its output matrix, whose new rows are nobody's."""
        weight_VD: Tensor = self._model.head.weight.detach()
        return weight_VD

    def hidden(self, text: Aligned) -> Tensor:
        """Return what it makes of the old spelling, (B, T, D)."""
        with torch.no_grad(), self._as_it_was():
            embedding_VD = self._model.decoder.embed_tokens.weight
            embedded_BTD = nn.functional.embedding(text.old_ids_BT, embedding_VD)
            return hidden_of(self._model, embedded_BTD, text.old_positions_BT)

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        if self._shared and hasattr(self._model.model, "disable_adapter"):
            with self._model.model.disable_adapter():
                yield
        else:
            yield


def self_distill(
    model: TrainingModel,
    data: TrainingData,
    config: ContinuedPretrainConfig,
    first_new_id: int | None,
    *,
    folder: Path,
    out: Path,
    accelerator: Any,
    run: Mapping[str, Any],
) -> None:
    """Move what is trained to where both spellings read alike; nothing without the setting.

    Its checkpoints are in `out/work`, the last of which a resumed run takes; `out/logs` gets one line per step. run: as
    in `Checkpoints`. Several processes must all call this. Raises InputError for a model without new tokens.
    """
    settings = config.self_distillation
    if settings is None:
        return
    if first_new_id is None:
        raise InputError("self_distillation: the model has no new tokens, so both spellings are one")
    model.to(accelerator.device)
    teacher = Teacher(model, config)
    checkpoints = Checkpoints(out / "work" / CHECKPOINTS, run=run, keep=1)
    with accelerator.main_process_first():  # it removes what is damaged
        state = checkpoints.load_latest(trainable_parameters(model)) or TrainState()
    pieces = pieces_of_new_tokens(folder, first_new_id)
    beginnings = Beginnings.of(pieces, accelerator.device)
    lesson = _Lesson(model, teacher, data, config, settings, pieces, beginnings, accelerator)
    log = _Log(out / "logs" / LOG, state.step, enabled=accelerator.is_main_process)
    # Checkpointing works in training mode alone. Dropout of adapters is off: both spellings are read alike.
    model.train(config.gradient_checkpointing)
    with Progress("self distillation", total=settings.steps, unit="steps", done=state.step) as bar:
        for part in _parts(settings):
            if state.step < part.end:
                state = _taught(part, state, lesson, checkpoints, log, bar)
    model.train()


@dataclass(frozen=True)
class _Part:
    """Steps [first, end) with a schedule and an optimizer of their own. rows: whether new rows alone move."""

    first: int
    end: int
    rate: float
    rows: bool


def _parts(settings: SelfDistillationSettings) -> list[_Part]:
    rows = _Part(0, settings.first_steps, settings.embedding_learning_rate, rows=True)
    everything = _Part(settings.first_steps, settings.steps, settings.learning_rate, rows=False)
    return [part for part in (rows, everything) if part.first < part.end]


class _Log:
    """Losses and seconds by step, written with each checkpoint; of an earlier call, those up to its checkpoint stay."""

    def __init__(self, path: Path, done: int, *, enabled: bool) -> None:
        self._path, self._enabled = path, enabled
        self._rows = read_rows(path)[:done]
        self._before = float(self._rows[-1]["seconds"]) if self._rows else 0.0
        self._began = time.monotonic()

    def add(self, step: int, losses: Mapping[str, float]) -> None:
        """Note a step that has just ended."""
        seconds = round(self._before + time.monotonic() - self._began, 3)
        self._rows.append({"step": step, **losses, "seconds": seconds})

    def write(self) -> None:
        """Write all steps so far."""
        if self._enabled:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(self._path, "".join(json.dumps(row) + "\n" for row in self._rows))


def _taught(
    part: _Part, state: TrainState, lesson: _Lesson, checkpoints: Checkpoints, log: _Log, bar: Progress
) -> TrainState:
    """Take a part's steps from `state` on; return where it ended, which is a checkpoint."""
    config, model, accelerator = lesson.config, lesson.model, lesson.accelerator
    everything = trainable_parameters(model)
    moved = {name: one for name, one in everything.items() if not part.rows or _has_rows(name)}
    rates = {"learning_rate": part.rate, "embedding_learning_rate": part.rate}
    # Rows within a whole matrix: no decay, and a gradient of 0 for all others, which Adam then leaves where they are.
    optimizer = make_optimizer(model, config.model_copy(update=rates), moved, placement="single")
    if state.step > part.first:
        checkpoints.load_moments(state, moved, optimizer)
    limit = math.inf if config.max_grad_norm is None else config.max_grad_norm
    for step in range(state.step, part.end):
        for group in optimizer.param_groups:
            factor = rate_factor(step - part.first, steps=part.end - part.first, config=config)
            group["lr"] = group["peak"] * factor
        losses = lesson.add_gradients(step)
        if part.rows:
            _keep_old_rows(moved, lesson.pieces.first)
        clip_gradient(list(moved.values()), limit)
        optimizer.step()
        model.zero_grad(set_to_none=True)
        state = TrainState(step + 1)
        log.add(step + 1, losses)
        bar.advance(1, note=" ".join(f"{name} {loss:.4g}" for name, loss in losses.items()))
        if state.step % config.save_steps == 0 or state.step == part.end:
            log.write()
            checkpoints.save(state, everything, optimizer, write=accelerator.is_main_process)
            accelerator.wait_for_everyone()
    return state


def _has_rows(name: str) -> bool:
    return name.startswith(ROWS) or "embed_tokens" in name or "lm_head" in name


def _keep_old_rows(parameters: Mapping[str, nn.Parameter], first: int) -> None:
    """Take the gradient of old rows away where they lie in one matrix with the new."""
    for name, parameter in parameters.items():
        if not name.startswith(ROWS) and parameter.grad is not None:
            parameter.grad[:first] = 0


@dataclass(frozen=True)
class _Lesson:
    """What a step of it reads, and by whom."""

    model: TrainingModel
    teacher: Teacher
    data: TrainingData
    config: ContinuedPretrainConfig
    settings: SelfDistillationSettings
    pieces: Pieces
    beginnings: Beginnings
    accelerator: Any

    def add_gradients(self, step: int) -> dict[str, float]:
        """Add the gradients of a step's texts over all processes; return this process's losses."""
        accelerator = self.accelerator
        turns, processes = self.config.gradient_accumulation_steps, accelerator.num_processes
        losses: dict[str, float] = {}
        for text in texts_of_step(step, self.data, self.config, self.pieces, accelerator):
            with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=in_bf16(accelerator)):
                found = losses_of(self.model, self.teacher, text, self.beginnings, self.settings)
            (torch.stack([*found.values()]).sum() * (1 / (turns * processes))).backward()
            losses = {name: losses.get(name, 0.0) + loss.item() / turns for name, loss in found.items()}
        if processes > 1:
            for parameter in trainable_parameters(self.model).values():
                parameter.grad = accelerator.reduce(parameter.grad, reduction="sum")
        return losses


def losses_of(
    model: TrainingModel, teacher: Teacher, text: Aligned, beginnings: Beginnings, settings: SelfDistillationSettings
) -> dict[str, Tensor]:
    """Return the losses of one text, each a mean over all positions, so that a step is the same however divided."""
    old_BTD = teacher.hidden(text)
    hidden_BLD = model.hidden_states(text.ids_BL, text.positions_BL)
    losses = {
        "next_piece": next_piece_loss(
            hidden_BLD,
            model.output_matrix(),
            old_BTD,
            teacher.output_matrix,
            text,
            beginnings,
            trainable_RD=model.trained_output(),
        )
    }
    if settings.hidden_weight:
        wanted_BLD = old_BTD.gather(1, text.ends_BL[..., None].expand(-1, -1, old_BTD.shape[-1]))
        losses["hidden"] = settings.hidden_weight * (hidden_BLD.float() - wanted_BLD.float()).square().mean()
    return losses
