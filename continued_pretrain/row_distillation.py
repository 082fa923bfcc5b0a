"""New rows fitted before training: what the model makes of a text in new tokens is pulled to what it makes of the old.

Teacher and student are one frozen model with two vocabularies; only new rows move. Texts align at the end of every
student token, which is the end of its last piece.

Input rows: the hidden state behind each token against the one behind its last piece (Token Distillation, Dobler et al.,
arXiv 2505.20133; there one new token of a passage at a time, here all at once, so a passage teaches as many as it has).
Output rows: the probability of each token against that of its pieces one after the other, both raised to 1/100 and
taken as a coin's (ALM, Minixhofer et al., arXiv 2503.20083; there all weights learn from it, here the rows alone).

Memory: as a training step, and the logits of one micro batch over the whole vocabulary, twice, in fp32. Time: a step
takes two to two and a half times that of a training step (measured at width 64 with 5,600 rows).

Shape suffixes: B sequences, L student tokens of one, T teacher tokens of one, D width, V rows of the head, R new rows,
N new tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hanhua.continued_pretrain.attention import Documents, on_device
from hanhua.continued_pretrain.config import ContinuedPretrainConfig, RowDistillationSettings
from hanhua.continued_pretrain.model import EMBEDDING, HEAD, TrainingModel
from hanhua.continued_pretrain.old_segmentation import Pieces, pieces_of_new_tokens
from hanhua.continued_pretrain.pack import IGNORED, Batch
from hanhua.continued_pretrain.schedule import rate_factor
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.errors import InputError
from hanhua.progress import Progress

TEMPERATURE = 100.0
"""ALM's: at 1 a long chunk's probability is so near 0 that only its few likely ones would teach."""
FILE = "distilled_rows.safetensors"


@dataclass(frozen=True)
class Aligned:
    """One text in both segmentations. ends_BL: the teacher position behind which student position L ends."""

    ids_BL: Tensor
    positions_BL: Tensor
    labels_BL: Tensor
    old_ids_BT: Tensor
    old_positions_BT: Tensor
    ends_BL: Tensor

    @classmethod
    def of(cls, batch: Batch, pieces: Pieces, device: torch.device) -> Aligned:
        """Spell a batch with the pieces; rows are filled up with a document that nothing looks at."""
        counts_BL = pieces.counts(batch.input_ids_BL)
        width = int(counts_BL.sum(axis=1).max())
        old_BT, positions_BT = (np.zeros((len(counts_BL), width), dtype=np.int64) for _ in range(2))
        ends_BL = counts_BL.cumsum(axis=1) - 1
        for row, ids_L in enumerate(batch.input_ids_BL):
            spelled_T = pieces.spelled(ids_L)
            begins = np.repeat(batch.position_ids_BL[row] == 0, counts_BL[row])
            first = np.arange(len(spelled_T)) == np.repeat(ends_BL[row] - counts_BL[row] + 1, counts_BL[row])
            starts = np.maximum.accumulate(np.where(begins & first, np.arange(len(spelled_T)), 0))
            old_BT[row, : len(spelled_T)] = spelled_T
            positions_BT[row] = np.arange(width) - len(spelled_T)
            positions_BT[row, : len(spelled_T)] = np.arange(len(spelled_T)) - starts
        arrays = (batch.input_ids_BL, batch.position_ids_BL, batch.labels_BL, old_BT, positions_BT, ends_BL)
        return cls(*(on_device(torch.from_numpy(array), device) for array in arrays))


def distill_rows(
    model: TrainingModel,
    data: TrainingData,
    config: ContinuedPretrainConfig,
    first_new_id: int | None,
    *,
    folder: Path,
    work: Path,
    accelerator: Any,
) -> None:
    """Put distilled rows in place of those the model begins with; nothing without the setting.

    They are kept in `work`, so that a resumed run and further processes take the same ones. Raises InputError for a
    model without new tokens.
    """
    settings = config.row_distillation
    if settings is None:
        return
    if first_new_id is None:
        raise InputError("row_distillation: the model has no new tokens, so there are no rows to fit")
    file = work / FILE
    with accelerator.main_process_first():
        if not file.is_file():
            model.to(accelerator.device)
            pieces = pieces_of_new_tokens(folder, first_new_id)
            rows = _fitted(model, data, config, settings, pieces, accelerator)
            aside = file.with_suffix(".partial")
            save_file({name: row.detach().cpu().contiguous() for name, row in rows.items()}, aside)
            aside.rename(file)
    _put(model, first_new_id, load_file(file))


def _fitted(
    model: TrainingModel,
    data: TrainingData,
    config: ContinuedPretrainConfig,
    settings: RowDistillationSettings,
    pieces: Pieces,
    accelerator: Any,
) -> dict[str, nn.Parameter]:
    """Return the rows of each matrix after fitting; those of the output only where they are fitted."""
    rows = {EMBEDDING: nn.Parameter(_rows_now(model, pieces.first, EMBEDDING))}
    if settings.outputs and not model.tied:
        rows[HEAD] = nn.Parameter(_rows_now(model, pieces.first, HEAD))
    optimizer = torch.optim.AdamW(rows.values(), lr=settings.learning_rate, weight_decay=0.0, betas=(0.9, 0.95))
    sequences = config.micro_batch_size * config.gradient_accumulation_steps
    steps = min(settings.steps, len(data.mixture) // sequences)
    model.eval()
    with Progress("row distillation", total=steps, unit="steps") as bar:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * rate_factor(step, steps=steps, config=config)
            optimizer.zero_grad()
            for turn in range(config.gradient_accumulation_steps):
                batch = data.batch(step * sequences + turn * config.micro_batch_size, config.micro_batch_size)
                text = Aligned.of(batch, pieces, accelerator.device)
                with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=_in_bf16(accelerator)):
                    losses = losses_of(model, rows, text, pieces, outputs=settings.outputs)
                # Only the rows get a gradient, whatever else training is going to move.
                found = torch.autograd.grad(sum(losses.values()), list(rows.values()))
                for parameter, gradient in zip(rows.values(), found, strict=True):
                    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
            optimizer.step()
            bar.advance(1, note=" ".join(f"{name} {loss.item():.4g}" for name, loss in losses.items()))
    model.train()
    return rows


def losses_of(
    model: TrainingModel, rows: Mapping[str, Tensor], text: Aligned, pieces: Pieces, *, outputs: bool
) -> dict[str, Tensor]:
    """Return the losses of input and output rows on one text, each a mean over positions.

    The output rows see the student's hidden states as they are: they do not move the input rows through them, except
    where both are one matrix.
    """
    embedding_VD = model.decoder.embed_tokens.weight.detach()
    with torch.no_grad():
        old_BTD = _hidden(model, nn.functional.embedding(text.old_ids_BT, embedding_VD), text.old_positions_BT)
    wanted_BLD = old_BTD.gather(1, text.ends_BL[..., None].expand(-1, -1, old_BTD.shape[-1]))
    place_BL = text.ids_BL - pieces.first
    new_BLD = nn.functional.embedding(place_BL.clamp(min=0), rows[EMBEDDING])
    frozen_BLD = nn.functional.embedding(text.ids_BL, embedding_VD)
    hidden_BLD = _hidden(model, torch.where((place_BL >= 0)[..., None], new_BLD, frozen_BLD), text.positions_BL)
    losses = {"hidden": (hidden_BLD.float() - wanted_BLD.float()).square().mean()}
    if outputs:
        head_RD = rows[EMBEDDING] if model.tied else rows[HEAD]
        losses["likelihood"] = _likelihood_loss(model, head_RD, hidden_BLD.detach(), old_BTD, text, pieces)
    return losses


def _hidden(model: TrainingModel, embedded_BLD: Tensor, positions_BL: Tensor) -> Tensor:
    documents = Documents.of(positions_BL)
    dtype = model.decoder.embed_tokens.weight.dtype
    found = model.decoder(
        inputs_embeds=embedded_BLD.to(dtype), position_ids=positions_BL, use_cache=False, documents=documents
    )
    hidden: Tensor = found.last_hidden_state
    return hidden


def _likelihood_loss(
    model: TrainingModel, head_RD: Tensor, hidden_BLD: Tensor, old_BTD: Tensor, text: Aligned, pieces: Pieces
) -> Tensor:
    """Return ALM's divergence over the targets of a text: p of a token against p of its pieces, both to 1/100."""
    frozen_VD = model.head.weight.detach().float()
    is_target_BL = text.labels_BL != IGNORED
    labels = text.labels_BL[is_target_BL]
    logits = hidden_BLD[is_target_BL].float() @ torch.cat([frozen_VD[: pieces.first], head_RD.float()]).T
    student = torch.log_softmax(logits, dim=-1).gather(1, labels[:, None])[:, 0]
    with torch.no_grad():
        teacher = _teacher_likelihood(old_BTD, frozen_VD, text, pieces)[is_target_BL]
    # The last target of a row is beyond what the teacher reads.
    known = torch.isfinite(teacher)
    wanted, given = (teacher[known] / TEMPERATURE).exp(), student[known] / TEMPERATURE
    other = torch.log1p(-given.exp().clamp(max=1 - 1e-6))
    return -(wanted * given + (1 - wanted) * other).mean()


def _teacher_likelihood(old_BTD: Tensor, frozen_VD: Tensor, text: Aligned, pieces: Pieces) -> Tensor:
    """Return log p of the pieces of the token behind each student position, (B, L); NaN where it is cut off."""
    logits_BTV = old_BTD[:, :-1].float() @ frozen_VD.T
    logits_BTV[..., pieces.first : pieces.first + len(pieces.starts_N)] = -math.inf  # tokens it does not know
    taken_BT = torch.log_softmax(logits_BTV, dim=-1).gather(2, text.old_ids_BT[:, 1:, None])[..., 0]
    summed_BT = nn.functional.pad(taken_BT.cumsum(dim=1), (1, 0))
    up_to_BL = summed_BT.gather(1, text.ends_BL)
    return nn.functional.pad(up_to_BL[:, 1:] - up_to_BL[:, :-1], (0, 1), value=math.nan)


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


def _in_bf16(accelerator: Any) -> bool:
    return bool(accelerator.mixed_precision == "bf16")
