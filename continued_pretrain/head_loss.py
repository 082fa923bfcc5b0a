"""Cross entropy of an output layer in chunks of positions, its gradients made while the logits are at hand.

The full logits of 8K tokens over 136K tokens are 4.5 GB in fp32, several times over; here one chunk of
them lives at a time, is turned into its own gradient in place and is gone before the backward pass. At
hidden size 64 on a CPU that is also more than twice as fast as the plain way. With LoRA only the rows
of new tokens need a weight gradient, and only theirs is made.

Shape suffixes: N positions, C positions of a chunk, D hidden size, V vocabulary, R trainable rows.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from hanhua.continued_pretrain.pack import IGNORED

CHUNK_ELEMENTS = {"cpu": 1 << 24, "cuda": 1 << 28}
"""Logits held at once. On a CPU 64 to 256 positions of a 128K vocabulary were fastest (8 to 1,024 tried)."""


def head_loss(
    hidden_ND: Tensor,
    weight_VD: Tensor,
    labels_N: Tensor,
    *,
    trainable_RD: Tensor | None = None,
    z_loss: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Return the summed loss, and the cross entropy of each position in nats (no gradient).

    labels_N: IGNORED where there is no target: 0 nats and no gradient. Those are few, so leaving them in costs less
    than picking out the others, for which a GPU would have to be waited for. weight_VD: the output matrix.
    trainable_RD: its last R rows as the parameter that receives their gradient; None freezes the matrix; for training
    all of it, give the matrix itself. z_loss: weight of the squared log-normalizer that is added to the loss
    (Chowdhery et al. 2022, PaLM, section 5).
    """
    rows = trainable_RD if trainable_RD is not None else hidden_ND.new_zeros(0)
    device = hidden_ND.device.type
    if torch.is_autocast_enabled(device):
        hidden_ND = hidden_ND.to(torch.get_autocast_dtype(device))
    result: tuple[Tensor, Tensor] = _HeadLoss.apply(hidden_ND, rows, weight_VD, labels_N, z_loss)
    return result


class _HeadLoss(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, rows_RD: Tensor, weight_VD: Tensor, labels_N: Tensor, z_loss: float
    ) -> Any:
        first = len(weight_VD) - len(rows_RD)
        grad_hidden_ND = torch.empty_like(hidden_ND)
        grad_rows_RD = torch.zeros_like(rows_RD, dtype=torch.float32)
        nats_N = torch.empty(len(hidden_ND), dtype=torch.float32, device=hidden_ND.device)
        loss = hidden_ND.new_zeros((), dtype=torch.float32)
        weight_VD = weight_VD.to(hidden_ND.dtype)
        size = max(1, CHUNK_ELEMENTS.get(hidden_ND.device.type, 1 << 27) // len(weight_VD))
        # One buffer for all chunks: asking the system for fresh pages each time costs a third of the time.
        buffer_CV = torch.empty(min(size, len(hidden_ND)), len(weight_VD), dtype=torch.float32, device=hidden_ND.device)
        for low in range(0, len(hidden_ND), size):
            hidden_CD = hidden_ND[low : low + size]
            logits_CV = buffer_CV[: len(hidden_CD)]
            if hidden_CD.dtype == torch.float32:
                torch.mm(hidden_CD, weight_VD.T, out=logits_CV)
            else:
                logits_CV.copy_(hidden_CD @ weight_VD.T)
            nats_C, normalizer_C = _into_gradient(logits_CV, labels_N[low : low + size], z_loss)
            nats_N[low : low + size] = nats_C
            loss += nats_C.sum() + z_loss * normalizer_C.square().sum()
            grad_CV = logits_CV.to(hidden_CD.dtype)
            grad_hidden_ND[low : low + size] = grad_CV @ weight_VD
            if len(rows_RD):
                grad_rows_RD += grad_CV[:, first:].T @ hidden_CD
        ctx.save_for_backward(grad_hidden_ND, grad_rows_RD.to(rows_RD.dtype))
        ctx.mark_non_differentiable(nats_N)
        return loss, nats_N

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        scale = grads[0]
        grad_hidden_ND, grad_rows_RD = ctx.saved_tensors
        return grad_hidden_ND * scale, grad_rows_RD * scale, None, None, None


def _into_gradient(logits_CV: Tensor, labels_C: Tensor, z_loss: float) -> tuple[Tensor, Tensor]:
    """Return nats and log-normalizer of each position; turn logits into the loss's gradient, in place."""
    is_target_C1 = labels_C[:, None] != IGNORED
    labels_C1 = labels_C[:, None].clamp(min=0)
    highest_C1 = logits_CV.amax(dim=1, keepdim=True)
    target_C1 = logits_CV.gather(1, labels_C1) - highest_C1
    total_C1 = logits_CV.sub_(highest_C1).exp_().sum(dim=1, keepdim=True)
    normalizer_C1 = (total_C1.log() + highest_C1) * is_target_C1
    divisor_C1 = total_C1 / (1 + 2 * z_loss * normalizer_C1) if z_loss else total_C1
    softmax = logits_CV.div_(divisor_C1.masked_fill(~is_target_C1, math.inf))
    softmax.scatter_add_(1, labels_C1, -is_target_C1.to(softmax.dtype))
    return ((total_C1.log() - target_C1) * is_target_C1).squeeze(1), normalizer_C1.squeeze(1)
