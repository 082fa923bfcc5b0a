"""How far a model with new tokens is from the base's distribution over every next piece, and the gradient of that.

A new token is its pieces one after the other, so a distribution over tokens of the new vocabulary is one over next
pieces of the old: the first piece of a token has the probability of all tokens that begin with it. That must be the
base's (Kullback-Leibler divergence over the whole old vocabulary); and so must, behind the first piece that the text
goes on with, the distribution over second pieces, of which tokens end after the first. This is the chain rule on the
boundaries that ALM (Minixhofer et al., arXiv 2503.20083) compares one likelihood at: every position teaches all tokens
that begin like the text, whether it has them or not. Third pieces and on are left to the text itself.

Logits live for one chunk of positions, as in `head_loss`: the gradient is made while they are at hand.

Shape suffixes: B sequences, L student tokens of one, T teacher tokens of one, N positions, C positions of a chunk, K of
those that have a second level, D width, V rows of the head, R new tokens, P pieces of one, G pairs of pieces that
begin them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hanhua.continued_pretrain.old_segmentation import Pieces
from hanhua.continued_pretrain.pack import IGNORED
from hanhua.continued_pretrain.spelling_likelihoods import Aligned
from hanhua.errors import InputError

CHUNK_ELEMENTS = {"cpu": 1 << 21, "cuda": 1 << 27}
"""Logits of a chunk, of which some five copies live at once. On a CPU with 5,376 tokens 2^21 were fastest: 0.35 s for
2,035 positions, where eight times as many took 0.45 s and a quarter 0.6 s."""
MIN_CHUNK = 64
"""Positions of a chunk at least, so that a large output matrix is not read for a few."""
LEAST = 1e-30
"""Probabilities are at least this where they are divided by: in fp32 those of whole rows vanish."""
UNKNOWN = -1e4
"""Logit of what the teacher does not know, the new tokens: its probability is 0, its logarithm finite."""


@dataclass(frozen=True)
class Beginnings:
    """What new tokens, from id `first` on, begin with: first_R, a piece, and pair_R, which of first_G with second_G."""

    first: int
    first_R: Tensor
    pair_R: Tensor
    first_G: Tensor
    second_G: Tensor

    @classmethod
    def of(cls, pieces: Pieces, device: torch.device) -> Beginnings:
        """Return those of all new tokens; InputError for one that the base does not spell with two pieces or more."""
        counts_R = np.diff(pieces.starts_N, append=len(pieces.flat_P))
        if (short_R := np.flatnonzero(counts_R < 2)).size:
            token = pieces.first + int(short_R[0])
            raise InputError(
                f"self_distillation: token {token:,} is {counts_R[short_R[0]]} of the base's tokens, where a new "
                "one is two or more; use row_distillation"
            )
        first_R = pieces.flat_P[pieces.starts_N]
        both_RP = np.stack([first_R, pieces.flat_P[pieces.starts_N + 1]], axis=1)
        pairs_GP, pair_R = np.unique(both_RP, axis=0, return_inverse=True)
        arrays = (first_R, pair_R.reshape(-1), *pairs_GP.T)
        return cls(pieces.first, *(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays))

    @property
    def new(self) -> slice:
        """The new tokens among all."""
        return slice(self.first, self.first + len(self.first_R))

    def pairs(self, first: Tensor, second: Tensor) -> Tensor:
        """Return one number for each pair of pieces."""
        return first * (1 << 32) + second


@dataclass(frozen=True)
class Places:
    """Where a text is compared. at_N: student positions. old_N: the teacher's, behind the same text.

    next_N: the piece that comes there. deep_N: whether second pieces are compared too, behind that piece.
    """

    at_N: Tensor
    old_N: Tensor
    next_N: Tensor
    deep_N: Tensor

    @classmethod
    def of(cls, text: Aligned, beginnings: Beginnings) -> Places:
        """Return the places of a text: all that have a target the teacher reads.

        Where the text has a first piece as a token of its own although it goes on as a new token would, boundaries of
        the two spellings disagree: second pieces are not compared there.
        """
        rows, width = text.old_ids_BT.shape
        ahead_BL = text.ends_BL + 1
        known_BL = (text.labels_BL != IGNORED) & (ahead_BL <= text.ends_BL[:, -1:])
        next_BL, then_BL = (text.old_ids_BT.gather(1, (ahead_BL + n).clamp(max=width - 1)) for n in (0, 1))
        pairs_G = beginnings.pairs(beginnings.first_G, beginnings.second_G)
        parted_BL = (text.labels_BL == next_BL) & torch.isin(beginnings.pairs(next_BL, then_BL), pairs_G)
        deep_BL = torch.isin(next_BL, beginnings.first_G) & ~parted_BL
        at_N = known_BL.flatten().nonzero()[:, 0]
        old_BL = torch.arange(rows, device=at_N.device)[:, None] * width + text.ends_BL
        return cls(at_N, *(each.flatten()[at_N] for each in (old_BL, next_BL, deep_BL)))


def next_piece_loss(
    hidden_BLD: Tensor,
    weight_VD: Tensor,
    old_BTD: Tensor,
    old_weight_VD: Tensor,
    text: Aligned,
    beginnings: Beginnings,
    *,
    trainable_RD: Tensor | None = None,
) -> Tensor:
    """Return the divergence from the teacher's next pieces, in nats: a mean over all positions, targets or not.

    hidden_BLD, weight_VD: the student's hidden states and output matrix. old_BTD, old_weight_VD: the teacher's, of the
    old spelling. trainable_RD: the last rows of weight_VD as the parameter that receives their gradient, the matrix
    itself for all of it, None for none.
    """
    rows = trainable_RD if trainable_RD is not None else hidden_BLD.new_zeros(0)
    places = Places.of(text, beginnings)
    hidden_ND, old_D = hidden_BLD.flatten(0, 1)[places.at_N], old_BTD.detach().flatten(0, 1)
    device = hidden_ND.device.type
    if torch.is_autocast_enabled(device):
        hidden_ND = hidden_ND.to(torch.get_autocast_dtype(device))
    summed: Tensor = _NextPieces.apply(hidden_ND, rows, weight_VD, old_D, old_weight_VD, places, beginnings)
    return summed / text.labels_BL.numel()


class _NextPieces(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        rows_RD: Tensor,
        weight_VD: Tensor,
        old_D: Tensor,
        old_weight_VD: Tensor,
        places: Places,
        beginnings: Beginnings,
    ) -> Tensor:
        first = len(weight_VD) - len(rows_RD)
        grad_hidden_ND = torch.empty_like(hidden_ND)
        grad_rows_RD = torch.zeros_like(rows_RD, dtype=torch.float32)
        loss = hidden_ND.new_zeros((), dtype=torch.float32)
        weight_VD, old_weight_VD = weight_VD.to(hidden_ND.dtype), old_weight_VD.to(old_D.dtype)
        size = max(MIN_CHUNK, CHUNK_ELEMENTS.get(hidden_ND.device.type, 1 << 27) // len(weight_VD))
        for low in range(0, len(hidden_ND), size):
            chunk = slice(low, low + size)
            hidden_CD = hidden_ND[chunk]
            share_CV = (hidden_CD @ weight_VD.T).float().softmax(dim=-1)
            place_C, next_C = places.old_N[chunk], places.next_N[chunk]
            deep_K = places.deep_N[chunk].nonzero()[:, 0]
            second = _second(share_CV, deep_K, old_D[place_C[deep_K] + 1], old_weight_VD, next_C[deep_K], beginnings)
            log_CV = _teacher(old_D[place_C], old_weight_VD, beginnings).log_softmax(dim=-1)
            loss += _first_into_gradient(share_CV, log_CV, beginnings)
            loss += _add_second(share_CV, deep_K, second, beginnings)
            grad_CV = share_CV.to(hidden_CD.dtype)
            grad_hidden_ND[chunk] = grad_CV @ weight_VD
            if len(rows_RD):
                grad_rows_RD += grad_CV[:, first:].T @ hidden_CD
        ctx.save_for_backward(grad_hidden_ND, grad_rows_RD.to(rows_RD.dtype))
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        grad_hidden_ND, grad_rows_RD = ctx.saved_tensors
        return grad_hidden_ND * grads[0], grad_rows_RD * grads[0], None, None, None, None, None


def _teacher(old_CD: Tensor, old_weight_VD: Tensor, beginnings: Beginnings) -> Tensor:
    """Return the teacher's logits in fp32, (C, V), which knows no new tokens."""
    logits_CV = (old_CD @ old_weight_VD.T).float()
    logits_CV[:, beginnings.new] = UNKNOWN
    return logits_CV


def _first_into_gradient(share_CV: Tensor, log_CV: Tensor, beginnings: Beginnings) -> Tensor:
    """Return the summed divergence over first pieces; turn probabilities into its gradient, in place.

    With s the probability of all tokens that begin with a piece and q the teacher's of it, the gradient for the logit
    of such a token is p (1 - q/s).
    """
    begun_CV = share_CV.index_add(1, beginnings.first_R, share_CV[:, beginnings.new]).clamp_(min=LEAST)
    wanted_CV = log_CV.exp()
    loss = (wanted_CV * (log_CV - begun_CV.log())).sum()
    kept_CV = wanted_CV.div_(begun_CV).neg_().add_(1)
    kept_CV[:, beginnings.new] = kept_CV[:, beginnings.first_R]
    share_CV *= kept_CV
    return loss


@dataclass(frozen=True)
class _Second:
    """Gradients of the second level, by logit: of new tokens, and of the first piece alone; and the loss."""

    new_KR: Tensor
    alone_K: Tensor
    next_K: Tensor
    loss: Tensor


def _second(
    share_CV: Tensor, deep_K: Tensor, old_KD: Tensor, old_weight_VD: Tensor, next_K: Tensor, beginnings: Beginnings
) -> _Second:
    """Compare second pieces behind the piece that the text goes on with: those of tokens that begin with it, or none.

    A new token ends after the first piece where the teacher goes on with a second that begins no token.
    """
    within_KG = beginnings.first_G == next_K[:, None]
    wanted_KV = _teacher(old_KD, old_weight_VD, beginnings).softmax(dim=-1)
    wanted_KG = wanted_KV[:, beginnings.second_G] * within_KG
    rest_K = (1 - wanted_KG.sum(dim=1)).clamp(min=1e-6)
    share_KR = share_CV[deep_K, beginnings.new] * within_KG[:, beginnings.pair_R]
    begun_KG = share_KR.new_zeros(within_KG.shape).index_add_(1, beginnings.pair_R, share_KR).clamp_(min=LEAST)
    alone_K = share_CV[deep_K, next_K].clamp(min=LEAST)
    total_K1 = ((begun_KG * within_KG).sum(dim=1) + alone_K)[:, None]
    log_ratio_KG = (wanted_KG.clamp(min=LEAST) / begun_KG * total_K1).log() * within_KG
    loss = (wanted_KG * log_ratio_KG).sum() + (rest_K * (rest_K / alone_K * total_K1[:, 0]).log()).sum()
    kept_KG = 1 / total_K1 - wanted_KG / begun_KG
    return _Second(share_KR * kept_KG[:, beginnings.pair_R], alone_K / total_K1[:, 0] - rest_K, next_K, loss)


def _add_second(gradient_CV: Tensor, deep_K: Tensor, second: _Second, beginnings: Beginnings) -> Tensor:
    """Add the second level's gradient to the first's; return its loss."""
    gradient_CV[:, beginnings.new].index_add_(0, deep_K, second.new_KR)
    gradient_CV[deep_K, second.next_K] += second.alone_K
    return second.loss
