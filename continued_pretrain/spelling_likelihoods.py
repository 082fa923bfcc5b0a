"""One text in two spellings, and how likely the model of one vocabulary finds what the other writes.

Texts align at the end of every token of the new spelling, which is the end of its last piece.

Shape suffixes: B sequences, L student tokens of one, T teacher tokens of one, D width, V rows of the head, R new rows,
N targets, C targets of a chunk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hanhua.continued_pretrain.attention import on_device
from hanhua.continued_pretrain.head_loss import CHUNK_ELEMENTS
from hanhua.continued_pretrain.model import TrainingModel
from hanhua.continued_pretrain.old_segmentation import Pieces
from hanhua.continued_pretrain.pack import IGNORED, Batch

TEMPERATURE = 100.0
"""ALM's: at 1 a long chunk's probability is so near 0 that only its few likely ones would teach."""


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


def likelihood_loss(
    model: TrainingModel, head_RD: Tensor, hidden_BLD: Tensor, old_BTD: Tensor, text: Aligned, pieces: Pieces
) -> Tensor:
    """Return ALM's divergence over the targets of a text: p of a token against p of its pieces, both to 1/100.

    A mean over all positions, 0 where there is no target.
    """
    frozen_VD = model.head.weight.detach()
    with torch.no_grad():
        teacher_BL = teacher_likelihood(old_BTD, frozen_VD, text, pieces)
    # The last target of a row is beyond what the teacher reads.
    known_BL = (text.labels_BL != IGNORED) & torch.isfinite(teacher_BL)
    student_N = _student_likelihood(hidden_BLD[known_BL], text.labels_BL[known_BL], frozen_VD[: pieces.first], head_RD)
    wanted, given = (teacher_BL[known_BL] / TEMPERATURE).exp(), student_N / TEMPERATURE
    other = torch.log1p(-given.exp().clamp(max=1 - 1e-6))
    return -(wanted * given + (1 - wanted) * other).sum() / known_BL.numel()


def _student_likelihood(hidden_ND: Tensor, labels_N: Tensor, old_VD: Tensor, new_RD: Tensor) -> Tensor:
    """Return log p of each label, its gradient for the new rows alone: no logits of the old ones are kept."""
    with torch.no_grad():
        normalizer_N, target_N = _scored(hidden_ND, old_VD, labels_N.clamp(max=len(old_VD) - 1))
    place_N = labels_N - len(old_VD)
    logits_NR = _logits(hidden_ND, new_RD)
    own_N = logits_NR.gather(1, place_N.clamp(min=0)[:, None])[:, 0]
    whole_N = torch.logaddexp(normalizer_N, logits_NR.logsumexp(dim=-1))
    return torch.where(place_N >= 0, own_N, target_N) - whole_N


def teacher_likelihood(old_BTD: Tensor, frozen_VD: Tensor, text: Aligned, pieces: Pieces) -> Tensor:
    """Return log p of the pieces of the token behind each student position, (B, L), fp32; NaN where it is cut off."""
    targets_BT = text.old_ids_BT[:, 1:]
    unknown = slice(pieces.first, pieces.first + len(pieces.starts_N))
    normalizer, target = _scored(old_BTD[:, :-1].flatten(0, 1), frozen_VD, targets_BT.flatten(), unknown)
    summed_BT = nn.functional.pad((target - normalizer).view_as(targets_BT).cumsum(dim=1), (1, 0))
    up_to_BL = summed_BT.gather(1, text.ends_BL)
    return nn.functional.pad(up_to_BL[:, 1:] - up_to_BL[:, :-1], (0, 1), value=math.nan)


def _scored(hidden_ND: Tensor, rows_VD: Tensor, targets_N: Tensor, unknown: slice = slice(0)) -> tuple[Tensor, Tensor]:
    """Return log-normalizer and target's logit of each position, a chunk at a time; `unknown` tokens do not count."""
    normalizer_N, target_N = (torch.empty(len(hidden_ND), device=hidden_ND.device) for _ in range(2))
    size = max(1, CHUNK_ELEMENTS.get(hidden_ND.device.type, 1 << 27) // len(rows_VD))
    for low in range(0, len(hidden_ND), size):
        chunk = slice(low, low + size)
        logits_CV = _logits(hidden_ND[chunk], rows_VD)
        logits_CV[:, unknown] = -math.inf
        normalizer_N[chunk] = logits_CV.logsumexp(dim=-1)
        target_N[chunk] = logits_CV.gather(1, targets_N[chunk, None])[:, 0]
    return normalizer_N, target_N


def _logits(hidden_ND: Tensor, rows_VD: Tensor) -> Tensor:
    """Return logits in fp32, multiplied in bf16 where the hidden states or autocast are.

    On a CPU autocast leaves what follows in bf16, where a sum of log-likelihoods is right to eight nats at best.
    """
    return (hidden_ND @ rows_VD.to(hidden_ND.dtype).T).float()
