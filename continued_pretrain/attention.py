"""Causal attention inside each document of a packed sequence, without a mask of length squared.

The sequences of a batch are one long line of tokens, cut where positions restart. On a GPU the line goes to
FlashAttention's kernel for varying lengths, which torch carries (`torch.nn.attention.varlen`), or to flex attention
where that kernel cannot run; on a CPU each document is one call of plain scaled-dot-product attention, which is exact.

Shape suffixes: B sequences, L tokens of one, T = B*L, H query heads, G key/value heads, K width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from inspect import signature
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

NAME = "documents"
KERNEL_DTYPES = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Documents:
    """Where the documents of a batch lie in its line of tokens: document i is [bounds[i], bounds[i + 1])."""

    bounds: tuple[int, ...]
    bounds_tensor: Tensor

    @classmethod
    def of(cls, position_ids_BL: Tensor) -> Documents:
        """Return the documents of a batch: one begins at each position 0, and each sequence begins one."""
        starts_BL = position_ids_BL == 0
        starts_BL[:, 0] = True
        starts = starts_BL.flatten().nonzero().flatten()
        bounds = torch.cat([starts, starts.new_tensor([position_ids_BL.numel()])])
        return cls(tuple(bounds.tolist()), bounds.to(torch.int32))

    @property
    def longest(self) -> int:
        """Tokens of the longest document."""
        return max(high - low for low, high in pairwise(self.bounds))


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: (B, H, L, K) and twice (B, G, L, K) in, (B, L, H, K) out.

    options: `documents`, and `scaling`.
    """
    documents: Documents = options["documents"]
    scale = options.get("scaling")
    batch, heads, length, width = query.shape
    query_THK, key_TGK, value_TGK = (x.transpose(1, 2).flatten(0, 1) for x in (query, key, value))
    if query.is_cuda and query.dtype in KERNEL_DTYPES:
        out_THK = _by_kernel(query_THK, key_TGK, value_TGK, documents, scale)
    elif query.is_cuda:
        out_THK = by_flex(query_THK, key_TGK, value_TGK, documents, scale)
    else:
        out_THK = one_by_one(query_THK, key_TGK, value_TGK, documents, scale)
    return out_THK.reshape(batch, length, heads, width), None


def one_by_one(
    query_THK: Tensor, key_TGK: Tensor, value_TGK: Tensor, documents: Documents, scale: float | None
) -> Tensor:
    """Attend with one call per document: exact, and the work is the sum of the documents' squared lengths."""
    parts = []
    for low, high in pairwise(documents.bounds):
        query, key, value = (x[low:high].transpose(0, 1)[None] for x in (query_THK, key_TGK, value_TGK))
        out = nn.functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scale, enable_gqa=query.shape[1] != key.shape[1]
        )
        parts.append(out[0].transpose(0, 1))
    return torch.cat(parts)


def _by_kernel(
    query_THK: Tensor, key_TGK: Tensor, value_TGK: Tensor, documents: Documents, scale: float | None
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    bounds, longest = documents.bounds_tensor, documents.longest
    known = _parameters(varlen_attn)
    options: dict[str, Any] = {"window_size": (-1, 0)} if "window_size" in known else {"is_causal": True}
    if query_THK.shape[1] != key_TGK.shape[1]:
        if "enable_gqa" in known:
            options["enable_gqa"] = True
        else:
            times = query_THK.shape[1] // key_TGK.shape[1]
            key_TGK, value_TGK = (x.repeat_interleave(times, dim=1) for x in (key_TGK, value_TGK))
    return varlen_attn(query_THK, key_TGK, value_TGK, bounds, bounds, longest, longest, scale=scale, **options)


@cache
def _parameters(function: Any) -> frozenset[str]:
    """Return the names of a function's parameters; those of torch's kernel differ from one version to the next."""
    return frozenset(signature(function).parameters)


def by_flex(query_THK: Tensor, key_TGK: Tensor, value_TGK: Tensor, documents: Documents, scale: float | None) -> Tensor:
    """Flex attention: a mask of blocks of 128 tokens, compiled on a GPU."""
    from torch.nn.attention.flex_attention import create_block_mask

    total, device = len(query_THK), query_THK.device
    lengths = documents.bounds_tensor.diff().to(device)
    document_T = torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths, output_size=total)

    def inside(batch: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return (q >= k) & (document_T[q] == document_T[k])

    mask = create_block_mask(inside, None, None, total, total, device=device)
    query, key, value = (x.transpose(0, 1)[None] for x in (query_THK, key_TGK, value_TGK))
    out: Tensor = _flex(query_THK.is_cuda)(
        query, key, value, block_mask=mask, scale=scale, enable_gqa=query.shape[1] != key.shape[1]
    )
    return out[0].transpose(0, 1)


@cache
def _flex(compiled: bool) -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=True) if compiled else flex_attention


def register() -> str:
    """Make it known to transformers and return its name; without a mask function of that name, no mask is made."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    return NAME
