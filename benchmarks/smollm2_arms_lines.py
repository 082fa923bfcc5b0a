"""Lines of tokens for `smollm2_arms`: documents packed for one forward pass, windows to measure in, and attention.

Shape suffixes: B sequences, L tokens of one, T tokens of a line, D hidden size, V vocabulary, C tokens of a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from smollm2_arms_data import Measured
from torch import Tensor, nn

from hanhua.continued_pretrain.attention import NAME, Documents, attend, one_by_one
from hanhua.continued_pretrain.pack import IGNORED
from hanhua.eval.language.bits_per_byte import plan_windows

LINE_TOKENS = {"cuda": 16_384, "cpu": 1024}
LOGITS = {"cuda": 1 << 28, "cpu": 1 << 24}


@dataclass(frozen=True)
class Line:
    """What one forward pass takes, on its device. owners_T: the document of each target, of measuring alone."""

    ids_BL: Tensor
    positions_BL: Tensor
    labels_BL: Tensor
    documents: Documents
    targets: int
    owners_T: Tensor | None = None


def nats_of(hidden_TD: Tensor, weight_VD: Tensor, labels_T: Tensor) -> Tensor:
    """Return the cross entropy of each position in nats, (T,), 0 without a target; some thousand at a time."""
    size = max(1, LOGITS[hidden_TD.device.type] // len(weight_VD))
    parts = []
    for low in range(0, len(hidden_TD), size):
        logits_CV = (hidden_TD[low : low + size] @ weight_VD.T).float()
        labels_C = labels_T[low : low + size]
        chosen_C = logits_CV.gather(1, labels_C.clamp(min=0)[:, None])[:, 0]
        parts.append((logits_CV.logsumexp(dim=1) - chosen_C) * (labels_C != IGNORED))
    return torch.cat(parts)


def check_attention(device: torch.device) -> None:
    """Compare the kernel's attention and gradients with one call per document, and take that where they differ.

    The kernel's interface changed from one torch to the next; a run of minutes must not end there.
    """
    generator = torch.Generator(device).manual_seed(0)
    documents = documents_of(np.concatenate([np.arange(40), np.arange(1), np.arange(87)])[None], device)
    shapes = [(1, heads, 128, 64) for heads in (9, 3, 3)]
    inputs = [torch.randn(s, generator=generator, device=device).bfloat16().requires_grad_() for s in shapes]
    found = []
    ways: list[Any] = [attend, _attend_by_document]
    for attention in ways:
        try:
            out, _ = attention(nn.Module(), *inputs, None, documents=documents, scaling=0.125)
            found.append([out.detach(), *torch.autograd.grad(out.float().square().sum(), inputs)])
        except Exception as error:
            print(f"attention: {error!r}", flush=True)
    pairs = zip(*found, strict=True) if len(found) == 2 else ()
    differences = [float((a - b).float().norm() / b.float().norm()) for a, b in pairs]
    if differences and all(difference < 0.02 for difference in differences):
        return
    print(f"attention: one call per document in place of the kernel (differences: {differences})", flush=True)
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, _attend_by_document)


def use_fused_norm() -> None:
    """Let transformers' Llama norm be torch's one kernel in place of eight: small steps wait for launches."""
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    def forward(self: Any, hidden: Tensor) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            return nn.functional.rms_norm(hidden, (hidden.shape[-1],), self.weight, self.variance_epsilon)

    LlamaRMSNorm.forward = forward


def _attend_by_document(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    batch, heads, length, width = query.shape
    lines = [x.transpose(1, 2).flatten(0, 1) for x in (query, key, value)]
    out = one_by_one(lines[0], lines[1], lines[2], options["documents"], options.get("scaling"))
    return out.reshape(batch, length, heads, width), None


def documents_of(positions_BL: npt.NDArray[np.int64], device: torch.device) -> Documents:
    """Return where documents lie, counted on the CPU, so that the device is not waited for."""
    starts_BL = positions_BL == 0
    starts_BL[:, 0] = True
    bounds = [*np.flatnonzero(starts_BL).tolist(), positions_BL.size]
    longest = int(np.diff(bounds).max())
    return Documents(tuple(bounds), torch.tensor(bounds, dtype=torch.int32).to(device), longest)


def measured_lines(measured: Sequence[Measured], *, bos: int, context_tokens: int, device: torch.device) -> list[Line]:
    """Return the windows of documents, as evaluation cuts them, in lines; owners count through all documents."""
    windows: list[tuple[list[int], list[int], int]] = []
    owner = 0
    for one in measured:
        for ids in one.ids:
            tokens = ids.tolist()
            for window in plan_windows(len(tokens), context_tokens=context_tokens):
                inputs = [bos, *tokens[window.start : window.end - 1]]
                unscored = [IGNORED] * (window.scored_from - window.start)
                windows.append((inputs, [*unscored, *tokens[window.scored_from : window.end]], owner))
            owner += 1
    windows.sort(key=lambda window: len(window[0]))
    return [_line(part, device) for part in _grouped(windows, LINE_TOKENS[device.type])]


def _grouped(windows: Sequence[Any], most: int) -> list[list[Any]]:
    groups: list[list[Any]] = [[]]
    size = 0
    for window in windows:
        if groups[-1] and size + len(window[0]) > most:
            groups.append([])
            size = 0
        groups[-1].append(window)
        size += len(window[0])
    return [group for group in groups if group]


def _line(windows: Sequence[tuple[list[int], list[int], int]], device: torch.device) -> Line:
    ids = np.array([id_ for inputs, _, _ in windows for id_ in inputs], dtype=np.int64)
    labels = np.array([id_ for _, targets, _ in windows for id_ in targets], dtype=np.int64)
    positions = np.concatenate([np.arange(len(inputs)) for inputs, _, _ in windows])
    owners = np.concatenate([np.full(len(inputs), owner) for inputs, _, owner in windows])
    ids_T, positions_T, labels_T, owners_T = (torch.from_numpy(x).to(device) for x in (ids, positions, labels, owners))
    documents, targets = documents_of(positions[None], device), int((labels != IGNORED).sum())
    return Line(ids_T[None], positions_T[None], labels_T[None], documents, targets, owners_T)
