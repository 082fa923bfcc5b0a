"""The output embedding: scores hidden states against a vocabulary of 128,256 without holding all logits at once.

Shape suffixes: N positions that are scored, D hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

CPU_TILE = (128, 4096)
GPU_TILE = (1024, 32768)
"""Positions × vocabulary rows of logits held at a time. On CPU a tile stays in cache: twice as fast as whole rows."""


class VocabularyHead:
    """Scores hidden states against the vocabulary without ever holding (N, V) logits.

    Rows at and above the tokenizer's size are padding no text can reach; they are left out of the
    softmax, where they would take probability from real tokens.
    """

    def __init__(self, weight_VD: torch.Tensor, bias_V: torch.Tensor | None, *, tokens: int) -> None:
        self.weight_VD = weight_VD[:tokens]
        self.bias_V = None if bias_V is None else bias_V[:tokens]
        self._tile = CPU_TILE if weight_VD.device.type == "cpu" else GPU_TILE

    def log_normalizer(self, hidden_ND: torch.Tensor, *, best: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return log Σ exp(logits) of each position, and with `best` its most probable token; each of shape (N,)."""
        log_z, tokens = [], []
        for some_ND in hidden_ND.split(self._tile[0]):
            sums, tops = [], []
            for start, logits_NV in self._tiles(some_ND):
                sums.append(torch.logsumexp(logits_NV, -1))
                if best:
                    top = logits_NV.max(-1)
                    tops.append((top.values, start + top.indices))
            log_z.append(torch.logsumexp(torch.stack(sums, -1), -1))
            if best:
                winner_N1 = torch.stack([values_N for values_N, _ in tops], -1).argmax(-1, keepdim=True)
                tokens.append(torch.stack([ids_N for _, ids_N in tops], -1).gather(-1, winner_N1).squeeze(-1))
        return torch.cat(log_z), torch.cat(tokens) if best else None

    def logits_of(self, hidden_ND: torch.Tensor, tokens_N: torch.Tensor) -> torch.Tensor:
        """Return each position's logit of one token, shape (N,)."""
        logits_N = (hidden_ND.float() * self.weight_VD[tokens_N].float()).sum(-1)
        return logits_N if self.bias_V is None else logits_N + self.bias_V[tokens_N].float()

    def _tiles(self, hidden_ND: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield logits of a range of the vocabulary at a time, with the range's first token."""
        width = self._tile[1]
        for start in range(0, len(self.weight_VD), width):
            # In float32 whatever the weights: bfloat16 logits near 16 are rounded to steps of 0.06.
            logits_NV = hidden_ND.float() @ self.weight_VD[start : start + width].float().T
            if self.bias_V is not None:
                logits_NV += self.bias_V[start : start + width].float()
            yield start, logits_NV
