"""Llama in numpy, straight on GGUF's tensors: neighbouring values of a head turn together, as ggml computes it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from small_gguf import Small, Weights

Array = npt.NDArray[np.float64]


def reference_logits(weights: Weights, small: Small, ids: list[int]) -> Array:
    """Return logits, shape (len(ids), vocabulary)."""
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    x = exact["token_embd.weight"][ids]
    for layer in range(small.layers):
        part = {n.removeprefix(f"blk.{layer}."): w for n, w in exact.items() if n.startswith(f"blk.{layer}.")}
        x = x + _attention(part, small, _normed(x, part["attn_norm.weight"]))
        h = _normed(x, part["ffn_norm.weight"])
        gate = _linear(part, "ffn_gate", h)
        x = x + _linear(part, "ffn_down", gate / (1 + np.exp(-gate)) * _linear(part, "ffn_up", h))
    out = exact.get("output.weight", exact["token_embd.weight"])
    return _normed(x, exact["output_norm.weight"]) @ out.T


def _normed(x: Array, weight: Array) -> Array:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weight


def _linear(part: dict[str, Array], name: str, x: Array) -> Array:
    return x @ part[f"{name}.weight"].T + part.get(f"{name}.bias", 0.0)


def _attention(part: dict[str, Array], small: Small, x: Array) -> Array:
    length, size = len(x), small.head_size
    query = _turned(_linear(part, "attn_q", x).reshape(length, small.heads, size), small)
    key = _turned(_linear(part, "attn_k", x).reshape(length, small.kv_heads, size), small)
    value = _linear(part, "attn_v", x).reshape(length, small.kv_heads, size)
    mixed = np.zeros_like(query)
    for head in range(small.heads):
        group = head * small.kv_heads // small.heads
        scores = query[:, head] @ key[:, group].T / np.sqrt(size)
        scores[np.triu_indices(length, 1)] = -np.inf
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed[:, head] = shares / shares.sum(-1, keepdims=True) @ value[:, group]
    return _linear(part, "attn_output", mixed.reshape(length, -1))


def _turned(heads: Array, small: Small) -> Array:
    frequencies = small.theta ** -(np.arange(0, small.head_size, 2) / small.head_size)
    frequencies = frequencies / (np.array(small.divisors) if small.divisors else 1.0)
    frequencies = frequencies / (small.scaling["factor"] if small.scaling.get("type") == "linear" else 1.0)
    angles = np.arange(len(heads))[:, None, None] * frequencies
    even, odd = heads[..., 0::2], heads[..., 1::2]
    turned = np.empty_like(heads)
    turned[..., 0::2] = even * np.cos(angles) - odd * np.sin(angles)
    turned[..., 1::2] = even * np.sin(angles) + odd * np.cos(angles)
    return turned
