"""New rows fitted before training: what the model makes of a text in new tokens is pulled to what it makes of the old.

Teacher and student are one frozen model with two vocabularies; only new rows move.

Input rows: the hidden state behind each token against the one behind its last piece (Token Distillation, Dobler et al.,
arXiv 2505.20133; there one new token of a passage at a time, here all at once, so a passage teaches as many as it has).
Output rows: the probability of each token against that of its pieces one after the other, both raised to 1/100 and
taken as a coin's (ALM, Minixhofer et al., arXiv 2503.20083; there all weights learn from it, here the rows alone).

Memory: as a training step, and the logits of one micro batch over the new rows, three times, in fp32. Time: a step
takes 1.6 to 1.9 training steps on SmolLM2-135M with 512 new tokens (1.5 by the count of operations), two to two and a
half at width 64 with 5,600 rows. Several processes share each step's texts; every one holds the whole model
meanwhile, however training is going to place it.

Shape suffixes: B sequences, L student tokens of one, T teacher tokens of one, D width, V rows of the head, R new rows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hanhua.artifacts.files import write_durably
from hanhua.continued_pretrain.attention import Documents
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import EMBEDDING, HEAD, TrainingModel
from hanhua.continued_pretrain.new_token_settings import RowDistillationSettings
from hanhua.continued_pretrain.old_segmentation import Pieces, pieces_of_new_tokens
from hanhua.continued_pretrain.schedule import rate_factor
from hanhua.continued_pretrain.spelling_likelihoods import Aligned, likelihood_loss
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.errors import InputError
from hanhua.progress import Progress

FILE = "distilled_rows.safetensors"
LOG = "row_distillation.jsonl"
"""Losses and seconds of each step of fitting, which is before the first step of training."""


def distill_rows(
    model: TrainingModel,
    data: TrainingData,
    config: ContinuedPretrainConfig,
    first_new_id: int | None,
    *,
    folder: Path,
    out: Path,
    accelerator: Any,
) -> None:
    """Put distilled rows in place of those the model begins with; nothing without the setting.

    They are kept in `out/work`, so that a resumed run takes the same ones; `out/logs` gets one line per step. Several
    processes must all call this. Raises InputError for a model without new tokens.
    """
    settings = config.row_distillation
    if settings is None:
        return
    if first_new_id is None:
        raise InputError("row_distillation: the model has no new tokens, so there are no rows to fit")
    file = out / "work" / FILE
    if found_everywhere(file.is_file(), accelerator):
        _put(model, first_new_id, load_file(file))
        return
    model.to(accelerator.device)
    pieces = pieces_of_new_tokens(folder, first_new_id)
    log = out / "logs" / LOG if accelerator.is_main_process else None
    rows = {
        name: row.detach() for name, row in _fitted(model, data, config, settings, pieces, accelerator, log).items()
    }
    _put(model, first_new_id, rows)
    if accelerator.is_main_process:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_suffix(".partial")
        save_file({name: row.cpu().contiguous() for name, row in rows.items()}, aside)
        aside.rename(file)


def found_everywhere(found: bool, accelerator: Any) -> bool:
    """Return whether all processes find something: on several machines a folder may show it to one before another."""
    if accelerator.num_processes == 1:
        return found
    return bool(accelerator.reduce(torch.tensor(float(found), device=accelerator.device), reduction="mean") == 1.0)


def steps_of_data(data: TrainingData, config: ContinuedPretrainConfig, accelerator: Any) -> int:
    """Return how many whole steps of training the data holds."""
    sequences = config.micro_batch_size * config.gradient_accumulation_steps * accelerator.num_processes
    return int(len(data.mixture) // sequences)


def texts_of_step(
    step: int, data: TrainingData, config: ContinuedPretrainConfig, pieces: Pieces, accelerator: Any
) -> Iterator[Aligned]:
    """Yield this process's texts of a step of training in both spellings; after the last step the first comes again."""
    micro, turns, processes = config.micro_batch_size, config.gradient_accumulation_steps, accelerator.num_processes
    first = step % max(1, steps_of_data(data, config, accelerator)) * micro * turns * processes
    for turn in range(turns):
        place = first + (turn * processes + accelerator.process_index) * micro
        yield Aligned.of(data.batch(place, micro), pieces, accelerator.device)


def _fitted(
    model: TrainingModel,
    data: TrainingData,
    config: ContinuedPretrainConfig,
    settings: RowDistillationSettings,
    pieces: Pieces,
    accelerator: Any,
    log: Path | None,
) -> dict[str, nn.Parameter]:
    """Return the rows after fitting, the same in every process; output rows only where they are fitted."""
    rows = {EMBEDDING: nn.Parameter(_rows_now(model, pieces.first, EMBEDDING))}
    if settings.outputs and not model.tied:
        rows[HEAD] = nn.Parameter(_rows_now(model, pieces.first, HEAD))
    optimizer = torch.optim.AdamW(rows.values(), lr=settings.learning_rate, weight_decay=0.0, betas=(0.9, 0.95))
    turns, processes = config.gradient_accumulation_steps, accelerator.num_processes
    steps = min(settings.steps, steps_of_data(data, config, accelerator))
    began, said = time.monotonic(), []
    # Checkpointing works in training mode alone; adapters that are still zero have no dropout to speak of.
    model.train(config.gradient_checkpointing)
    with Progress("row distillation", total=steps, unit="steps") as bar:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * rate_factor(step, steps=steps, config=config)
            optimizer.zero_grad()
            losses: dict[str, float] = {}
            for text in texts_of_step(step, data, config, pieces, accelerator):
                found = _add_gradients(model, rows, text, pieces, accelerator, settings, share=1 / (turns * processes))
                losses = {name: losses.get(name, 0.0) + loss / turns for name, loss in found.items()}
            if processes > 1:
                for row in rows.values():
                    row.grad = accelerator.reduce(row.grad, reduction="sum")
            optimizer.step()
            said.append({"step": step + 1, **losses, "seconds": round(time.monotonic() - began, 3)})
            bar.advance(1, note=" ".join(f"{name} {loss:.4g}" for name, loss in losses.items()))
    model.train()
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        write_durably(log, "".join(json.dumps(line) + "\n" for line in said))
    return rows


def _add_gradients(
    model: TrainingModel,
    rows: Mapping[str, nn.Parameter],
    text: Aligned,
    pieces: Pieces,
    accelerator: Any,
    settings: RowDistillationSettings,
    *,
    share: float,
) -> dict[str, float]:
    """Add the gradients of one text, which is this share of a step's, to the rows; return its losses."""
    with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=in_bf16(accelerator)):
        losses = losses_of(model, rows, text, pieces, outputs=settings.outputs)
    # Only the rows get a gradient, whatever else training is going to move.
    found = torch.autograd.grad(sum(losses.values()), list(rows.values()))
    for parameter, gradient in zip(rows.values(), found, strict=True):
        parameter.grad = share * gradient if parameter.grad is None else parameter.grad.add(gradient, alpha=share)
    return {name: loss.item() for name, loss in losses.items()}


def losses_of(
    model: TrainingModel, rows: Mapping[str, Tensor], text: Aligned, pieces: Pieces, *, outputs: bool
) -> dict[str, Tensor]:
    """Return the losses of input and output rows on one text, each a mean over positions.

    All positions count, also where there is no target: so a step is the same however its sequences are divided.
    The output rows see the student's hidden states as they are: they do not move the input rows through them, except
    where both are one matrix.
    """
    embedding_VD = model.decoder.embed_tokens.weight.detach()
    with torch.no_grad():
        old_BTD = hidden_of(model, nn.functional.embedding(text.old_ids_BT, embedding_VD), text.old_positions_BT)
    wanted_BLD = old_BTD.gather(1, text.ends_BL[..., None].expand(-1, -1, old_BTD.shape[-1]))
    place_BL = text.ids_BL - pieces.first
    new_BLD = nn.functional.embedding(place_BL.clamp(min=0), rows[EMBEDDING])
    frozen_BLD = nn.functional.embedding(text.ids_BL, embedding_VD)
    hidden_BLD = hidden_of(model, torch.where((place_BL >= 0)[..., None], new_BLD, frozen_BLD), text.positions_BL)
    losses = {"hidden": (hidden_BLD.float() - wanted_BLD.float()).square().mean()}
    if outputs:
        head_RD = rows[EMBEDDING] if model.tied else rows[HEAD]
        losses["likelihood"] = likelihood_loss(model, head_RD, hidden_BLD.detach(), old_BTD, text, pieces)
    return losses


def hidden_of(model: TrainingModel, embedded_BLD: Tensor, positions_BL: Tensor) -> Tensor:
    """Return what the layers make of embedded tokens, (B, L, D)."""
    documents = Documents.of(positions_BL)
    dtype = model.decoder.embed_tokens.weight.dtype
    found = model.decoder(
        inputs_embeds=embedded_BLD.to(dtype), position_ids=positions_BL, use_cache=False, documents=documents
    )
    hidden: Tensor = found.last_hidden_state
    return hidden


def _rows_now(model: TrainingModel, first: int, name: str) -> Tensor:
    if name in model.rows:
        return model.rows[name].detach().float().clone()
    weight = model.decoder.embed_tokens.weight if name == EMBEDDING else model.head.weight
    return weight[first:].detach().float().clone()


def _put(model: TrainingModel, first: int, rows: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, found in rows.items():
            if name in model.rows:
                model.rows[name].copy_(found)
            weight = model.decoder.embed_tokens.weight if name == EMBEDDING else model.head.weight
            weight[first:].copy_(found)


def in_bf16(accelerator: Any) -> bool:
    """Return whether it trains in bf16."""
    return bool(accelerator.mixed_precision == "bf16")
