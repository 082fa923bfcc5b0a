"""Causal attention inside each document of a packed sequence, without a mask of length squared.

The sequences of a batch are one long line of tokens, cut where positions restart. On a GPU the line goes to
FlashAttention's kernel for varying lengths, which torch carries (`torch.nn.attention.varlen`), or to flex attention
where that kernel cannot run; on a CPU each document is one call of plain scaled-dot-product attention, which is exact.

Shape suffixes: B sequences, L tokens of one, T = B*L, H query heads, G key/value heads, K width of a head.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

NAME = "documents"
KERNEL_DTYPES = (torch.bfloat16, torch.float16)
WIDE_TOKENS = 384
"""On a CPU documents up to this length are attended in fp32: the backward pass in bf16 takes twice as long there."""


@dataclass(frozen=True)
class Documents:
    """Where the documents of a batch lie in its line of tokens: document i is [bounds[i], bounds[i + 1]).

    bounds_tensor: the same for a kernel, int32, filled up with empty documents to a power of two, so that compiled
    layers meet few shapes. longest: no document has more tokens; a bound, so that it does not change with each batch.
    """

    bounds: tuple[int, ...]
    bounds_tensor: Tensor
    longest: int

    @classmethod
    def of(cls, position_ids_BL: Tensor, device: torch.device | None = None) -> Documents:
        """Return the documents of a batch: one begins at each position 0, and each sequence begins one.

        Positions on the CPU cost a GPU no wait. device: where the kernel is; None for that of the positions.
        """
        starts_BL = position_ids_BL == 0
        starts_BL[:, 0] = True
        total = position_ids_BL.numel()
        bounds = [*starts_BL.flatten().nonzero().flatten().tolist(), total]
        filled = bounds + [total] * ((1 << len(bounds).bit_length()) + 1 - len(bounds))
        tensor = torch.tensor(filled, dtype=torch.int32)
        return cls(tuple(bounds), on_device(tensor, device or position_ids_BL.device), position_ids_BL.shape[1])

    @cached_property
    def block_mask(self) -> Any:
        """Flex attention's mask of blocks of 128 tokens, made once for all layers."""
        from torch.nn.attention.flex_attention import create_block_mask

        total, device = self.bounds[-1], self.bounds_tensor.device
        lengths = self.bounds_tensor.diff()
        document_T = torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths, output_size=total)

        def inside(batch: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
            return (q >= k) & (document_T[q] == document_T[k])

        return create_block_mask(inside, None, None, total, total, device=device)


def on_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the CPU on a device; a GPU copies it while the program goes on."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: (B, H, L, K) and twice (B, G, L, K) in, (B, L, H, K) out.

    options: `documents`, and `scaling`.
    """
    documents: Documents = options["documents"]
    scale = options.get("scaling")
    batch, heads, length, width = query.shape
    if query.is_cuda:
        query, key, value = in_one_type(query, key, value)
    query_THK, key_TGK, value_TGK = (x.transpose(1, 2).flatten(0, 1) for x in (query, key, value))
    if query.is_cuda and query.dtype in KERNEL_DTYPES and has_kernel():
        out_THK = by_kernel(query_THK, key_TGK, value_TGK, documents, scale)
    elif query.is_cuda:
        out_THK = by_flex(query_THK, key_TGK, value_TGK, documents, scale)
    else:
        out_THK = one_by_one(query_THK, key_TGK, value_TGK, documents, scale)
    return out_THK.reshape(batch, length, heads, width), None


def in_one_type(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return all three in the type of the values, which is autocast's where that is on.

    Where a matrix of words is trained, hidden states and so rotary positions are in fp32, and queries and keys turned
    by them as well; a GPU's kernels refuse that next to values in bf16.
    """
    return query.to(value.dtype), key.to(value.dtype), value


@torch.compiler.disable  # type: ignore[untyped-decorator]
def one_by_one(
    query_THK: Tensor, key_TGK: Tensor, value_TGK: Tensor, documents: Documents, scale: float | None
) -> Tensor:
    """Attend with one call per document: exact, and the work is the sum of the documents' squared lengths."""
    lengths = [high - low for low, high in pairwise(documents.bounds)]
    dtype = query_THK.dtype
    parts = []
    # Split, whose backward pass is one concatenation: that of a slice fills a tensor of the whole line with zeros.
    for query, key, value in zip(*(x.split(lengths) for x in (query_THK, key_TGK, value_TGK)), strict=True):
        widened = not query.is_cuda and dtype in KERNEL_DTYPES and len(query) <= WIDE_TOKENS
        inside = torch.float32 if widened else dtype
        query, key, value = (x.transpose(0, 1)[None].to(inside) for x in (query, key, value))
        with torch.autocast(query.device.type, enabled=False):  # it would narrow them again
            out = nn.functional.scaled_dot_product_attention(
                query, key, value, is_causal=True, scale=scale, enable_gqa=query.shape[1] != key.shape[1]
            )
        parts.append(out[0].transpose(0, 1).to(dtype))
    return torch.cat(parts)


@cache
def has_kernel() -> bool:
    """Return whether this torch carries FlashAttention's kernel for documents of varying lengths."""
    return importlib.util.find_spec("torch.nn.attention.varlen") is not None


def by_kernel(
    query_THK: Tensor, key_TGK: Tensor, value_TGK: Tensor, documents: Documents, scale: float | None
) -> Tensor:
    """FlashAttention over the whole line at once: a GPU, and bf16 or fp16."""
    from torch.nn.attention.varlen import varlen_attn

    known = _kernel_parameters()
    options: dict[str, Any] = {"window_size": (-1, 0)} if "window_size" in known else {"is_causal": True}
    if "enable_gqa" in known and query_THK.shape[1] != key_TGK.shape[1]:
        options["enable_gqa"] = True
    if "scale" in known:
        options["scale"] = scale
    elif scale is not None:
        query_THK = query_THK * (scale * math.sqrt(query_THK.shape[2]))
    bounds, longest = documents.bounds_tensor, documents.longest
    out: Tensor = varlen_attn(query_THK, key_TGK, value_TGK, bounds, bounds, longest, longest, **options)
    return out


@cache
def _kernel_parameters() -> frozenset[str]:
    """Names that the kernel's function takes: torch 2.10 to 2.13 differ in how causal, scale and groups are said."""
    from torch.nn.attention.varlen import varlen_attn

    return frozenset(inspect.signature(varlen_attn).parameters)


@torch.compiler.disable(recursive=False)  # type: ignore[untyped-decorator]
def by_flex(query_THK: Tensor, key_TGK: Tensor, value_TGK: Tensor, documents: Documents, scale: float | None) -> Tensor:
    """Flex attention, compiled by itself on a GPU: any GPU, any type."""
    query, key, value = (x.transpose(0, 1)[None] for x in (query_THK, key_TGK, value_TGK))
    out: Tensor = _flex(query_THK.is_cuda)(
        query, key, value, block_mask=documents.block_mask, scale=scale, enable_gqa=query.shape[1] != key.shape[1]
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
