"""Writes a plain LoRA adapter in PEFT's form as a GGUF file, which llama.cpp puts on its model at load time.

The model it belongs to is exported apart, once; several adapters share it. llama.cpp scales by alpha/rank and knows no
rsLoRA, so the strength is written as the alpha that gives the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError, UsageError
from hanhua.vocab_extension.export.gguf_vocabulary import check_gguf_installed
from hanhua.vocab_extension.export.gguf_weights import AS_STORED, GGUF_PARTS, TURNED_PARTS, turned
from hanhua.vocab_extension.measuring.model_shape import ModelShape, read_model_shape
from hanhua.vocab_extension.resize.shards import tensor_rows, to_float32
from hanhua.weights import StoredTensor, read_header

ADAPTER_FILE, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
_LORA = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.(\w+\.\w+)\.lora_(A|B)\.weight")
_DTYPES = {AS_STORED: np.float32, "f32": np.float32, "f16": np.float16}


@dataclass(frozen=True)
class ExportedAdapter:
    """What was written. alpha: as in the file, so that alpha/rank is the adapter's strength."""

    gguf: Path
    tensors: int
    rank: int
    alpha: float
    size_bytes: int


def is_adapter(folder: Path) -> bool:
    """Return whether a folder is an adapter's rather than a tokenizer's or a model's."""
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file()


def export_adapter(adapter: Path, out: Path, *, base: Path, dtype: str = AS_STORED) -> ExportedAdapter:
    """Write the adapter in a folder as the file `out`; base: folder of the model it was trained on, for its shape.

    Raises InputError for what llama.cpp cannot load: new rows, whole matrices, DoRA, or another model's adapter.
    """
    from gguf import GGUFType, GGUFWriter, Keys

    check_gguf_installed()
    if dtype not in _DTYPES:
        raise UsageError(f"dtype {dtype}: an adapter is written as one of f32, f16")
    if out.suffix != ".gguf" or out.exists():
        raise UsageError(f"{out}: name a new file that ends in .gguf")
    settings = read_json(adapter / ADAPTER_CONFIG)
    _check_plain(adapter, settings)
    shape = read_model_shape(base)
    tensors = _tensors(adapter, shape)
    alpha = strength(settings) * settings["r"]
    writer = GGUFWriter(None, "llama")
    writer.add_type(GGUFType.ADAPTER)
    writer.add_string(Keys.Adapter.TYPE, "lora")
    writer.add_float32(Keys.Adapter.LORA_ALPHA, alpha)
    for name, values in tensors.items():
        writer.add_tensor(name, values.astype(_DTYPES[dtype]))
    partial = out.with_name(out.name + ".partial")
    try:
        writer.write_header_to_file(partial)
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        partial.rename(out)
    finally:
        partial.unlink(missing_ok=True)
    return ExportedAdapter(out, len(tensors), settings["r"], alpha, out.stat().st_size)


def strength(settings: Mapping[str, Any]) -> float:
    """Return what B times A is multiplied with.

    >>> strength({"lora_alpha": 16, "r": 64, "use_rslora": True})
    2.0
    """
    rank = settings["r"]
    return float(settings["lora_alpha"]) / float(rank**0.5 if settings.get("use_rslora") else rank)


def _check_plain(adapter: Path, settings: Mapping[str, Any]) -> None:
    kind = settings.get("peft_type")
    if kind != "LORA":
        raise InputError(f"{adapter}: peft_type {kind}; only LORA can be exported, so export the merged model instead")
    for key in ("trainable_token_indices", "modules_to_save", "use_dora", "rank_pattern", "alpha_pattern"):
        if settings.get(key):
            raise InputError(
                f"{adapter}: {key} is set, which llama.cpp and vLLM do not load as an adapter: fold new rows into the "
                "model and train plain LoRA over it (hanhua train --adapter-only), or export the merged model"
            )


def _tensors(adapter: Path, shape: ModelShape) -> dict[str, npt.NDArray[np.float32]]:
    """Return A, (rank, inputs), and B, (outputs, rank), by GGUF name; the rows of heads in llama.cpp's order."""
    found: dict[str, npt.NDArray[np.float32]] = {}
    for place in read_header(adapter / ADAPTER_FILE)[0]:
        match = _LORA.fullmatch(place.name)
        part = GGUF_PARTS.get(match[2]) if match else None
        if match is None or part is None:
            raise InputError(
                f"{adapter}: {place.name} is no LoRA matrix of a Llama layer, so llama.cpp has none for it"
            )
        values = to_float32(np.array(tensor_rows(place)), place.dtype)
        _check_shape(place, values, part, match[3], int(match[1]), shape)
        if match[3] == "B" and part in TURNED_PARTS:
            values = np.ascontiguousarray(turned(values, shape.head_size))
        found[f"blk.{match[1]}.{part}.weight.lora_{match[3].lower()}"] = values
    if not found:
        raise InputError(f"{adapter}: {ADAPTER_FILE} holds no tensor")
    return dict(sorted(found.items()))


def _check_shape(
    place: StoredTensor, values: npt.NDArray[np.float32], part: str, side: str, layer: int, shape: ModelShape
) -> None:
    query, wide, hidden = shape.heads * shape.head_size, shape.intermediate_size, shape.hidden_size
    key = shape.kv_heads * shape.head_size
    outputs = {"attn_q": query, "attn_k": key, "attn_v": key, "ffn_gate": wide, "ffn_up": wide}
    inputs = {"attn_output": query, "ffn_down": wide}
    wanted = outputs.get(part, hidden) if side == "B" else inputs.get(part, hidden)
    if values.shape[0 if side == "B" else 1] != wanted or layer >= shape.layers:
        raise InputError(
            f"{place.file}: {place.name} has the shape {place.shape}, which does not fit the model given as base "
            f"({shape.layers} layers of {hidden:,})"
        )
