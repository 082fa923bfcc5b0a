"""All that is trained, pulled to what the model made of a text in the base's own tokens, before the text itself teaches.

Teacher and student are one model with two vocabularies. The teacher reads a text in the base's tokens and stays as the
model was; the student reads it in new ones and learns, with all weights that training moves, to give every next piece
the teacher's probability (`next_piece_loss`, after ALM: Minixhofer et al., arXiv 2503.20083) and to have its hidden
states behind every token (Token Distillation: Dobler et al., arXiv 2505.20133). All text counts, also what holds no new
token: the teacher's English is held too.

With adapters the teacher is the same weights, adapters off; where whole matrices are trained it is a copy of them.
Several processes share each step's texts; every one holds the whole model (and its copy) meanwhile, however training is
going to place it. What came out is kept in `work/`: a resumed run takes the same; a kill within begins it anew.

Shape suffixes: B sequences, L student tokens of one, T teacher tokens of one, D width, V rows of the head.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hanhua.artifacts.files import write_durably
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import TrainingModel
from hanhua.continued_pretrain.new_token_settings import SelfDistillationSettings
from hanhua.continued_pretrain.next_piece_loss import Beginnings, next_piece_loss
from hanhua.continued_pretrain.old_segmentation import Pieces, pieces_of_new_tokens
from hanhua.continued_pretrain.optimizers import make_optimizer
from hanhua.continued_pretrain.row_distillation import found_everywhere, hidden_of, in_bf16
from hanhua.continued_pretrain.schedule import rate_factor
from hanhua.continued_pretrain.spelling_likelihoods import Aligned
from hanhua.continued_pretrain.trained import clip_gradient, trainable_parameters, whole
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.errors import InputError
from hanhua.progress import Progress

FILE = "self_distilled.safetensors"
LOG = "self_distillation.jsonl"
"""Losses and seconds of each step, which are before the first step of training."""


class Teacher:
    """The model as it was, reading the base's own tokens."""

    def __init__(self, model: TrainingModel, config: ContinuedPretrainConfig) -> None:
        self._shared = config.mode in ("adapters", "new_embeddings")
        # Before any step: adapters add nothing, and rows held apart are of new tokens, which are not read.
        self._model = model if self._shared else copy.deepcopy(model).requires_grad_(False)

    @property
    def weight_VD(self) -> Tensor:
        """Its output matrix, whose new rows are nobody's."""
        weight_VD: Tensor = self._model.head.weight.detach()
        return weight_VD

    @torch.no_grad()
    def hidden(self, text: Aligned) -> Tensor:
        """Return what it makes of the old spelling, (B, T, D)."""
        with self._as_it_was():
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
) -> None:
    """Move what is trained to where both spellings read alike; nothing without the setting.

    It is kept in `out/work`, so that a resumed run takes the same; `out/logs` gets one line per step. Several processes
    must all call this. Raises InputError for a model without new tokens.
    """
    settings = config.self_distillation
    if settings is None:
        return
    if first_new_id is None:
        raise InputError("self_distillation: the model has no new tokens, so both spellings are one")
    parameters, file = trainable_parameters(model), out / "work" / FILE
    if found_everywhere(file.is_file(), accelerator):
        _put(parameters, load_file(file))
        return
    model.to(accelerator.device)
    pieces = pieces_of_new_tokens(folder, first_new_id)
    said = _distilled(model, data, config, settings, pieces, accelerator)
    if accelerator.is_main_process:
        (out / "logs").mkdir(parents=True, exist_ok=True)
        write_durably(out / "logs" / LOG, "".join(json.dumps(line) + "\n" for line in said))
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_suffix(".partial")
        save_file({name: whole(parameter) for name, parameter in parameters.items()}, aside)
        aside.rename(file)


def _put(parameters: dict[str, nn.Parameter], kept: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(kept[name])


def _distilled(
    model: TrainingModel,
    data: TrainingData,
    config: ContinuedPretrainConfig,
    settings: SelfDistillationSettings,
    pieces: Pieces,
    accelerator: Any,
) -> list[dict[str, Any]]:
    """Move what is trained; return losses and seconds by step."""
    rates = {"learning_rate": settings.learning_rate, "embedding_learning_rate": settings.embedding_learning_rate}
    parameters, beginnings = trainable_parameters(model), Beginnings.of(pieces, accelerator.device)
    optimizer = make_optimizer(model, config.model_copy(update=rates), parameters, placement="single")
    teacher = Teacher(model, config)
    limit = math.inf if config.max_grad_norm is None else config.max_grad_norm
    micro, processes = config.micro_batch_size, accelerator.num_processes
    sequences = micro * config.gradient_accumulation_steps * processes
    of_a_pass = max(1, len(data.mixture) // sequences)
    began, said = time.monotonic(), []
    # Checkpointing works in training mode alone. Dropout of adapters is off: both spellings are read alike.
    model.train(config.gradient_checkpointing)
    with Progress("self distillation", total=settings.steps, unit="steps") as bar:
        for step in range(settings.steps):
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate_factor(step, steps=settings.steps, config=config)
            losses: dict[str, float] = {}
            for turn in range(config.gradient_accumulation_steps):
                place = (step % of_a_pass) * sequences + (turn * processes + accelerator.process_index) * micro
                text = Aligned.of(data.batch(place, micro), pieces, accelerator.device)
                with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=in_bf16(accelerator)):
                    found = losses_of(model, teacher, text, beginnings, settings)
                (sum(found.values()) * (micro / sequences)).backward()
                for name, loss in found.items():
                    losses[name] = losses.get(name, 0.0) + loss.item() / config.gradient_accumulation_steps
            _exchange(parameters, accelerator)
            clip_gradient(list(parameters.values()), limit)
            optimizer.step()
            model.zero_grad(set_to_none=True)
            said.append({"step": step + 1, **losses, "seconds": round(time.monotonic() - began, 3)})
            bar.advance(1, note=" ".join(f"{name} {loss:.4g}" for name, loss in losses.items()))
    model.train()
    return said


def _exchange(parameters: dict[str, nn.Parameter], accelerator: Any) -> None:
    """Sum gradients over the processes, each of which has its share of the step's texts."""
    if accelerator.num_processes > 1:
        for parameter in parameters.values():
            parameter.grad = accelerator.reduce(parameter.grad, reduction="sum")


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
            teacher.weight_VD,
            text,
            beginnings,
            trainable_RD=model.trained_output(),
        )
    }
    if settings.hidden_weight:
        wanted_BLD = old_BTD.gather(1, text.ends_BL[..., None].expand(-1, -1, old_BTD.shape[-1]))
        losses["hidden"] = settings.hidden_weight * (hidden_BLD.float() - wanted_BLD.float()).square().mean()
    return losses
