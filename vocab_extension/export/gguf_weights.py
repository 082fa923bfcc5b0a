"""A Llama model's tensors under their GGUF names, as pieces of bytes in the order they are written.

Shape suffixes: R rows, C columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError
from hanhua.vocab_extension.export.llama_settings import LlamaSettings
from hanhua.vocab_extension.resize.shards import ITEM_BYTES, from_float32, tensor_rows, to_float32
from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS, HEAD, Source
from hanhua.weights import StoredTensor, read_header

PIECE_BYTES = 1 << 25
AS_STORED = "as-stored"
DTYPES = {"f32": "F32", "f16": "F16", "bf16": "BF16"}
MAX_FLOAT16 = 65_504.0
GGUF_PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NORMS = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
TURNED_PARTS = ("attn_q", "attn_k")
_FROZEN = ".rotary_emb.inv_freq"
"""Old checkpoints store what can be computed."""


@dataclass(frozen=True)
class GgufTensor:
    """A tensor to be written: its GGUF name, shape, dtype (`F32`, …), and a function that yields its bytes."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    pieces: Callable[[], Iterator[bytes]]

    @property
    def size_bytes(self) -> int:
        """Bytes of the tensor."""
        return int(np.prod(self.shape)) * ITEM_BYTES[self.dtype]


def plan_tensors(source: Source, llama: LlamaSettings, dtype: str) -> list[GgufTensor]:
    """Return every tensor of the model: matrices as `dtype` (or as stored), norms and biases as F32.

    Raises InputError for tensors that are missing, unknown, of another shape, or stored as anything but floats.
    """
    places = {place.name: place for file in source.files for place in read_header(file)[0]}
    expected = _expected(llama, tied=source.tied)
    _check(source, places, expected, llama)
    tensors = []
    for name, (gguf_name, shape) in expected.items():
        if name in places:
            tensors.append(_tensor(places[name], gguf_name, shape, dtype, llama.shape.head_size))
    if llama.rope_divisors is not None:
        divisors = llama.rope_divisors
        tensors.append(GgufTensor("rope_freqs.weight", divisors.shape, "F32", lambda: iter([divisors.tobytes()])))
    return tensors


def turned(rows_RC: npt.NDArray[Any], head_size: int) -> npt.NDArray[Any]:
    """Return the rows of whole heads in llama.cpp's order: the two numbers of each rotated pair side by side.

    Hugging Face keeps the first halves of all pairs of a head before the second halves.
    """
    heads: npt.NDArray[Any] = rows_RC.reshape(-1, 2, head_size // 2, *rows_RC.shape[1:])
    pairs: npt.NDArray[Any] = heads.swapaxes(1, 2).reshape(rows_RC.shape)
    return pairs


def _expected(llama: LlamaSettings, *, tied: bool) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return `{name: (GGUF name, shape)}` of all tensors a Llama model can have, biases too, in their order."""
    shape = llama.shape
    hidden, wide, vocab = shape.hidden_size, shape.intermediate_size, shape.vocab_size
    q, kv = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    outputs = {"attn_q": q, "attn_k": kv, "attn_v": kv, "attn_output": hidden}
    outputs |= {"ffn_gate": wide, "ffn_up": wide, "ffn_down": hidden}
    inputs = {"attn_output": q, "ffn_down": wide}
    found: dict[str, tuple[str, tuple[int, ...]]] = {EMBEDDINGS: ("token_embd.weight", (vocab, hidden))}
    for layer in range(shape.layers):
        for name, part in _NORMS.items():
            found[f"model.layers.{layer}.{name}.weight"] = (f"blk.{layer}.{part}.weight", (hidden,))
        for name, part in GGUF_PARTS.items():
            rows, columns = outputs[part], inputs.get(part, hidden)
            found[f"model.layers.{layer}.{name}.weight"] = (f"blk.{layer}.{part}.weight", (rows, columns))
            found[f"model.layers.{layer}.{name}.bias"] = (f"blk.{layer}.{part}.bias", (rows,))
    found["model.norm.weight"] = ("output_norm.weight", (hidden,))
    if not tied:
        found[HEAD] = ("output.weight", (vocab, hidden))
    return found


def _check(
    source: Source,
    places: dict[str, StoredTensor],
    expected: dict[str, tuple[str, tuple[int, ...]]],
    llama: LlamaSettings,
) -> None:
    model = source.folder
    missing = [name for name in expected if name not in places and not name.endswith(".bias")]
    if missing:
        raise InputError(f"{model}: {len(missing)} tensors are missing, the first {missing[0]}; copy the whole folder")
    stored_head = {HEAD} if source.tied else set()
    unknown = [name for name in places if name not in expected and name not in stored_head and _FROZEN not in name]
    if unknown:
        raise InputError(
            f"{model}: {len(unknown)} tensors are none of a Llama model's, the first {unknown[0]}; "
            "merge an adapter into its model first"
        )
    for name, (_, shape) in expected.items():
        if name in places and places[name].shape != shape:
            raise InputError(f"{model}: {name} has the shape {places[name].shape}, and config.json says {shape}")
        if name in places and places[name].dtype not in ITEM_BYTES:
            raise InputError(f"{model}: {name} is {places[name].dtype}, and must be one of {', '.join(ITEM_BYTES)}")
    if llama.shape.head_size % 2:
        raise InputError(f"{model}: heads of {llama.shape.head_size} numbers; rotary positions need an even number")


def _tensor(place: StoredTensor, name: str, shape: tuple[int, ...], dtype: str, head_size: int) -> GgufTensor:
    stored_as = place.dtype if dtype == AS_STORED else DTYPES[dtype]
    target = stored_as if len(shape) > 1 else "F32"
    turn = head_size if name.split(".")[-2] in TURNED_PARTS else None
    return GgufTensor(name, shape, target, partial(_pieces, place, target, turn))


def _pieces(place: StoredTensor, target: str, head_size: int | None) -> Iterator[bytes]:
    rows_RC = tensor_rows(place)
    row_bytes = 4 * int(np.prod(place.shape[1:]))
    step = max(PIECE_BYTES // row_bytes, 1)
    if head_size:
        step = max(step // head_size, 1) * head_size
    for begin in range(0, place.shape[0], step):
        piece = rows_RC[begin : begin + step]
        piece = turned(piece, head_size) if head_size else piece
        yield _converted(piece, place, target).tobytes()


def _converted(values: npt.NDArray[Any], place: StoredTensor, target: str) -> npt.NDArray[Any]:
    if target == place.dtype:
        return values
    floats = to_float32(values, place.dtype)
    if target == "F16" and (greatest := float(np.abs(floats).max(initial=0))) > MAX_FLOAT16:
        raise InputError(
            f"{place.file}: {place.name} has values up to {greatest:,.0f}, and float16 ends at {MAX_FLOAT16:,.0f}; "
            "use --dtype bf16 or f32"
        )
    return from_float32(floats, target)
