"""Writes an extended tokenizer, or a whole Llama model with one, as a GGUF file for llama.cpp and Ollama."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hanhua.artifacts.files import read_json, write_durably
from hanhua.errors import HanhuaError, InputError, UsageError
from hanhua.progress import Progress, say
from hanhua.vocab_extension.export.card_metadata import add_card_metadata, read_card
from hanhua.vocab_extension.export.gguf_vocabulary import add_vocabulary, check_gguf_installed, llama_cpp_name
from hanhua.vocab_extension.export.gguf_weights import AS_STORED, DTYPES, GgufTensor, plan_tensors
from hanhua.vocab_extension.export.llama_settings import LlamaSettings, read_llama_settings
from hanhua.vocab_extension.export.modelfile import is_llama3_chat, modelfile_text
from hanhua.vocab_extension.export.special_ids import SpecialIds, read_chat_template, read_special_ids
from hanhua.vocab_extension.extend import EXTENSION_JSON
from hanhua.vocab_extension.pretokenizer import tokens_by_id
from hanhua.vocab_extension.resize.weight_source import Source, open_source
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file

if TYPE_CHECKING:
    from gguf import GGUFWriter

SUFFIX = ".gguf"
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin", "*.pth")
_METADATA_BYTES = 40_000_000
"""More than a vocabulary of 200,000 with its merges takes."""


@dataclass(frozen=True)
class Exported:
    """What was written. tensors: 0 for a vocabulary alone. chat: `llama3`, `other`, or `none`."""

    gguf: Path
    modelfile: Path | None
    tokens: int
    merges: int
    tensors: int
    size_bytes: int
    chat: str


@dataclass(frozen=True)
class _Model:
    llama: LlamaSettings
    tensors: list[GgufTensor]
    dtype: str


def export_gguf(folder: Path, out: Path, *, dtype: str = AS_STORED, vocabulary_only: bool = False) -> Exported:
    """Write a tokenizer folder, or a Hugging Face folder of a Llama model, as the file `out`.

    A model's matrices become `dtype` (f32, f16, bf16, as-stored), its norms F32; a Modelfile for Ollama is
    written beside it. vocabulary_only: leave out the weights of a model's folder. Raises InputError before
    anything is written, unless a value does not fit float16.
    """
    check_gguf_installed()
    modelfile = out.with_suffix(".Modelfile")
    is_model = not vocabulary_only and any(path for pattern in _WEIGHTS for path in folder.glob(pattern))
    _check_out(out, [out, modelfile] if is_model else [out])
    bpe = read_bpe_file(folder)
    pre = llama_cpp_name(bpe)
    tokens = tokens_by_id(bpe)
    special = read_special_ids(folder, bpe)
    template = read_chat_template(folder)
    model = _open_model(folder, bpe, dtype) if is_model else None
    tensors = model.tensors if model else []
    _check_room(out, sum(tensor.size_bytes for tensor in tensors))
    partial = out.with_name(out.name + ".partial")
    try:
        _write(partial, _writer(folder, bpe, pre, special, template, model), tensors)
        if model:
            stops = [tokens[id_] for id_ in special.ends]
            write_durably(modelfile, modelfile_text(out.name, chat_template=template, stops=stops))
        partial.rename(out)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    chat = "llama3" if is_llama3_chat(template) else "other" if template else "none"
    size = out.stat().st_size
    return Exported(out, modelfile if model else None, len(tokens), len(bpe.merges), len(tensors), size, chat)


def _check_out(out: Path, files: Sequence[Path]) -> None:
    if out.suffix != SUFFIX:
        raise UsageError(f"{out}: llama.cpp and Ollama know a model by its name; call it {out.name}{SUFFIX}")
    taken = [path for path in files if path.exists()]
    if taken:
        raise InputError(f"{taken[0]}: exists already; name another --out, or remove it first")
    if not out.absolute().parent.is_dir():
        raise InputError(f"{out.parent}: no such folder to write {out.name} into")


def _open_model(folder: Path, bpe: BpeFile, dtype: str) -> _Model:
    if dtype not in (*DTYPES, AS_STORED):
        raise UsageError(f"dtype {dtype}: must be one of {', '.join((*DTYPES, AS_STORED))}")
    source: Source = open_source(folder)
    said = read_json(folder / EXTENSION_JSON) if (folder / EXTENSION_JSON).is_file() else {}
    if source.rows < bpe.size or said.get("vocab_size", bpe.size) != bpe.size:
        raise InputError(
            f"{folder}: {bpe.size:,} tokens and {source.rows:,} rows; export the folder that "
            "`vocab-extension resize` wrote, which has a row for each token"
        )
    if source.rows > bpe.size:
        say(f"{folder}: {source.rows - bpe.size:,} rows have no token; GGUF lists them as unused tokens")
    llama = read_llama_settings(folder, source.settings)
    return _Model(llama, plan_tensors(source, llama, dtype), dtype)


def _check_room(out: Path, tensor_bytes: int) -> None:
    needed = tensor_bytes + _METADATA_BYTES
    free = shutil.disk_usage(out.absolute().parent).free
    if free < needed:
        raise HanhuaError(
            f"{out}: takes {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free there; "
            "free some space, or name an --out on another disk"
        )


def _writer(
    folder: Path, bpe: BpeFile, pre: str, special: SpecialIds, template: str | None, model: _Model | None
) -> GGUFWriter:
    from gguf import GGUFWriter

    writer = GGUFWriter(None, "llama")
    writer.add_type("model")
    writer.add_name(folder.absolute().name)
    add_card_metadata(writer, read_card(folder), shapes=[tensor.shape for tensor in model.tensors] if model else [])
    if model:
        _add_settings(writer, model)
    padded_rows = model.llama.shape.vocab_size - bpe.size if model else 0
    add_vocabulary(writer, bpe, pre, special, template, padded_rows=padded_rows)
    return writer


def _add_settings(writer: GGUFWriter, model: _Model) -> None:
    from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, LlamaFileType

    llama, shape = model.llama, model.llama.shape
    writer.add_vocab_size(shape.vocab_size)
    writer.add_context_length(llama.context_length)
    writer.add_embedding_length(shape.hidden_size)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.intermediate_size)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_layer_norm_rms_eps(llama.rms_norm_eps)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_freq_base(llama.rope_theta)
    file_types = {"F32": LlamaFileType.ALL_F32, "F16": LlamaFileType.MOSTLY_F16, "BF16": LlamaFileType.MOSTLY_BF16}
    writer.add_file_type(file_types[model.tensors[0].dtype])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    for tensor in model.tensors:
        dtype = GGMLQuantizationType[tensor.dtype]  # alone decides; the writer looks for numpy's only without it
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.uint16), tensor.size_bytes, raw_dtype=dtype)


def _write(path: Path, writer: GGUFWriter, tensors: Sequence[GgufTensor]) -> None:
    """Write the metadata by the writer and the tensors ourselves: it takes whole tensors, and these come in pieces."""
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    if tensors:
        _append_tensors(path, tensors, writer.data_alignment)


def _append_tensors(path: Path, tensors: Sequence[GgufTensor], alignment: int) -> None:
    total = sum(tensor.size_bytes for tensor in tensors) // 1_000_000
    with path.open("ab") as file, Progress("writing tensors", total=total, unit="MB") as bar:
        for tensor in tensors:
            file.write(bytes(-file.tell() % alignment))
            begin = file.tell()
            for piece in tensor.pieces():
                file.write(piece)
            if file.tell() - begin != tensor.size_bytes:
                raise ValueError(f"{tensor.name}: {file.tell() - begin:,} bytes, {tensor.size_bytes:,} announced")
            bar.advance(tensor.size_bytes // 1_000_000, note=tensor.name)
        file.write(bytes(-file.tell() % alignment))
        file.flush()
        os.fsync(file.fileno())
