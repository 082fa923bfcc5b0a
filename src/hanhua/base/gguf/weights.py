"""The weights of a GGUF file as model.safetensors, tensor by tensor, in the memory of one piece."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hanhua.base.gguf.header import GgufHeader
from hanhua.base.gguf.quantized import Rows, float_pieces
from hanhua.base.gguf.settings import ROPE_FREQS, LlamaShape
from hanhua.errors import InputError
from hanhua.progress import Progress

DTYPES = {"float32": ("F32", 4), "bfloat16": ("BF16", 2), "float16": ("F16", 2)}
"""What can be written: safetensors' name and bytes per value, by config.json's name."""
_MAX_FLOAT16 = 65504.0


@dataclass(frozen=True)
class PlannedTensor:
    """name: Hugging Face's. source: GGUF's. heads: of a query or key projection, whose rows change places; else 0."""

    name: str
    source: str
    shape: tuple[int, ...]
    heads: int = 0


def plan_tensors(header: GgufHeader, shape: LlamaShape, *, tokens: int) -> list[PlannedTensor]:
    """Return every tensor of the model; InputError when the file lacks one, has another, or one of other shape."""
    planned = list(_tensors(shape, tokens))
    missing = [tensor.source for tensor in planned if tensor.source not in header.tensors]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"{header.path}: no tensor {missing[0]}{more}; the file is not a whole model")
    extra = header.tensors.keys() - {tensor.source for tensor in planned} - {ROPE_FREQS}
    if extra:
        raise InputError(f"{header.path}: the tensor {min(extra)} is of no Llama model; {len(extra)} such")
    for tensor in planned:
        found = header.tensors[tensor.source].shape
        if found == tensor.shape:
            continue
        if tensor.source in ("token_embd.weight", "output.weight") and found[1:] == tensor.shape[1:]:
            raise InputError(f"{header.path}: {tokens:,} tokens, and {tensor.source} has {found[0]:,} rows")
        raise InputError(f"{header.path}: {tensor.source} has the shape {found}, and the settings want {tensor.shape}")
    return planned


def safetensors_bytes(planned: list[PlannedTensor], dtype: str) -> int:
    """Return the bytes of all tensors."""
    return sum(math.prod(tensor.shape) for tensor in planned) * DTYPES[dtype][1]


def write_safetensors(header: GgufHeader, planned: list[PlannedTensor], out: Path, *, dtype: str) -> None:
    """Write the tensors, dequantized and rounded to `dtype`, as one safetensors file.

    Raises InputError for a value that is not finite, or that float16 cannot hold.
    """
    name, size = DTYPES[dtype]
    entries, at = {}, 0
    for tensor in planned:
        end = at + math.prod(tensor.shape) * size
        entries[tensor.name] = {"dtype": name, "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    head = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    head += b" " * (-len(head) % 8)  # the format wants the data aligned
    partial = out.with_name(out.name + ".partial")
    try:
        with partial.open("wb") as file, Progress("dequantizing", total=at // 1_000_000, unit="MB") as bar:
            file.write(len(head).to_bytes(8, "little") + head)
            for tensor in planned:
                _write_tensor(file, header, tensor, dtype)
                bar.advance((file.tell() - len(head)) // 1_000_000 - bar.done, note=tensor.name)
        partial.replace(out)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def hugging_face_rows(rows: Rows, heads: int) -> Rows:
    """Put the rows of a query or key projection into Hugging Face's order, shape (rows, columns).

    GGUF turns neighbouring values of a head together, transformers those half a head apart: llama.cpp's converter
    (`LlamaModel.permute`) moved them, and this moves them back.
    """
    head_size = rows.shape[0] // heads
    moved: Rows = rows.reshape(heads, head_size // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)
    return moved


def _write_tensor(file: BinaryIO, header: GgufHeader, tensor: PlannedTensor, dtype: str) -> None:
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    kind = GGMLQuantizationType[DTYPES[dtype][0]]
    for piece in _pieces(header, tensor):
        if dtype == "float16" and np.abs(piece).max() > _MAX_FLOAT16:
            raise InputError(f"{header.path}: {tensor.source} holds {np.abs(piece).max():.3g}; float16 ends at 65504")
        file.write(np.ascontiguousarray(quantize(piece, kind)).tobytes())


def _pieces(header: GgufHeader, tensor: PlannedTensor) -> Iterator[Rows]:
    source = header.tensors[tensor.source]
    if not tensor.heads:
        yield from float_pieces(header, source)
    elif len(tensor.shape) == 1:
        for piece in float_pieces(header, source):  # a bias is one row here
            yield hugging_face_rows(piece.reshape(-1, 1), tensor.heads)
    else:
        head_size = tensor.shape[0] // tensor.heads
        for piece in float_pieces(header, source, rows_together=head_size):
            yield hugging_face_rows(piece, len(piece) // head_size)


def _tensors(shape: LlamaShape, tokens: int) -> Iterator[PlannedTensor]:
    yield PlannedTensor("model.embed_tokens.weight", "token_embd.weight", (tokens, shape.hidden))
    for layer in range(shape.layers):
        yield from _layer(shape, f"model.layers.{layer}.", f"blk.{layer}.")
    yield PlannedTensor("model.norm.weight", "output_norm.weight", (shape.hidden,))
    if not shape.tied:
        yield PlannedTensor("lm_head.weight", "output.weight", (tokens, shape.hidden))


def _layer(shape: LlamaShape, ours: str, theirs: str) -> Iterator[PlannedTensor]:
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    hidden, inner = shape.hidden, shape.intermediate
    attention = (
        ("q_proj", "attn_q", query, hidden, shape.heads),
        ("k_proj", "attn_k", key, hidden, shape.kv_heads),
        ("v_proj", "attn_v", key, hidden, 0),
        ("o_proj", "attn_output", hidden, query, 0),
    )
    mlp = (
        ("gate_proj", "ffn_gate", inner, hidden, 0),
        ("up_proj", "ffn_up", inner, hidden, 0),
        ("down_proj", "ffn_down", hidden, inner, 0),
    )
    for part, rows, has_bias in (("self_attn", attention, shape.attention_bias), ("mlp", mlp, shape.mlp_bias)):
        for name, source, out, into, heads in rows:
            yield PlannedTensor(f"{ours}{part}.{name}.weight", f"{theirs}{source}.weight", (out, into), heads)
            if has_bias:
                yield PlannedTensor(f"{ours}{part}.{name}.bias", f"{theirs}{source}.bias", (out,), heads)
    yield PlannedTensor(f"{ours}input_layernorm.weight", f"{theirs}attn_norm.weight", (hidden,))
    yield PlannedTensor(f"{ours}post_attention_layernorm.weight", f"{theirs}ffn_norm.weight", (hidden,))
