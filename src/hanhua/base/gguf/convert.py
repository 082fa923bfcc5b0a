"""A GGUF file of a Llama model, written as a Hugging Face folder that everything else here reads."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import sha256_of, write_json
from hanhua.base.gguf.header import GgufHeader, read_gguf_header
from hanhua.base.gguf.quantized import check_gguf_installed, check_tensor_data, quantization_names, quantization_of
from hanhua.base.gguf.settings import LlamaShape, check_architecture, config_json, generation_config_json, read_shape
from hanhua.base.gguf.tokenizer_files import write_tokenizer
from hanhua.base.gguf.vocabulary import GgufVocabulary, read_vocabulary
from hanhua.base.gguf.weights import DTYPES, PlannedTensor, plan_tensors, safetensors_bytes, write_safetensors
from hanhua.errors import InputError, UsageError
from hanhua.weights import SINGLE

AUTO = "auto"
_OTHER_FILES_BYTES = 50_000_000
SMALL_PARAMETERS = 1_000_000_000
"""Below, `auto` keeps a quantized file's weights exactly."""


@dataclass(frozen=True)
class CheckedGguf:
    """A GGUF file that can be converted, with all that was read of it before its weights."""

    header: GgufHeader
    vocabulary: GgufVocabulary
    shape: LlamaShape
    planned: list[PlannedTensor]

    @property
    def config(self) -> dict[str, Any]:
        """The `config.json` the folder will have."""
        return config_json(self.shape, self.vocabulary, dtype=auto_dtype(self.header, self.planned))


def check_gguf(path: Path) -> CheckedGguf:
    """Read all of a GGUF file but its weights. Raises InputError when it cannot be converted, and says why."""
    check_gguf_installed()
    header = read_gguf_header(path)
    check_architecture(header)
    vocabulary = read_vocabulary(header)
    check_tensor_data(header)
    shape = read_shape(header)
    return CheckedGguf(header, vocabulary, shape, plan_tensors(header, shape, tokens=len(vocabulary.tokens)))


def convert_gguf(path: Path, out: Path, *, dtype: str = AUTO) -> dict[str, Any]:
    """Write the Llama model in a GGUF file as a Hugging Face folder, and return facts about it as plain data.

    dtype: float32, bfloat16, float16, or auto (see `auto_dtype`). `out` is made, and must be empty if it exists.
    Raises InputError before anything is written when the file cannot be converted. config.json is written last.
    """
    if dtype not in (AUTO, *DTYPES):
        raise UsageError(f"dtype {dtype}: must be one of {', '.join((AUTO, *DTYPES))}")
    checked = check_gguf(path)
    header, vocabulary, shape, planned = checked.header, checked.vocabulary, checked.shape, checked.planned
    dtype = auto_dtype(header, planned) if dtype == AUTO else dtype
    _check_out(out, safetensors_bytes(planned, dtype))
    out.mkdir(parents=True, exist_ok=True)
    write_safetensors(header, planned, out / SINGLE, dtype=dtype)
    write_tokenizer(vocabulary, out, context_tokens=shape.context_tokens)
    write_json(out / "generation_config.json", generation_config_json(vocabulary))
    write_json(out / "config.json", config_json(shape, vocabulary, dtype=dtype))
    return _facts(header, vocabulary, shape, planned, dtype)


def auto_dtype(header: GgufHeader, planned: list[PlannedTensor]) -> str:
    """Return bfloat16 for a file of BF16 matrices, float32 for one of F32; for others by the model's size.

    Stored as bfloat16, the Q4_1 weights of SmolLM2-135M give log-probabilities up to 0.27 away, and another likeliest
    token at 2 of 228 places; computed in bfloat16 as well, which loaders do with such a folder, up to 1.0 away. As
    float32 they are exact and take 540 MB, so small models get that. From a billion parameters on the folder would be
    4 GB and more, and training has its own precision.
    """
    matrices = {quantization_of(header, header.tensors[t.source]).name for t in planned if len(t.shape) > 1}
    if matrices == {"BF16"}:
        return "bfloat16"
    parameters = sum(math.prod(tensor.shape) for tensor in planned)
    return "float32" if matrices == {"F32"} or parameters < SMALL_PARAMETERS else "bfloat16"


def _check_out(out: Path, weight_bytes: int) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not an empty folder; name another, or remove it first")
    near = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    needed, free = weight_bytes + _OTHER_FILES_BYTES, shutil.disk_usage(near).free
    if free < needed:
        raise InputError(f"{out}: takes {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free there")


def _facts(
    header: GgufHeader, vocabulary: GgufVocabulary, shape: LlamaShape, planned: list[PlannedTensor], dtype: str
) -> dict[str, Any]:
    general = {k.removeprefix("general."): v for k, v in header.metadata.items() if k.startswith("general.")}
    return {
        "source": header.path.name,
        "source_bytes": header.size_bytes,
        "source_sha256": sha256_of(header.path),
        "name": general.get("name") or general.get("basename"),
        "organization": general.get("organization"),
        "license": general.get("license"),
        "license_name": general.get("license.name"),
        "license_link": general.get("license.link"),
        "base_models": _base_models(general),
        "quantization": _file_type(general.get("file_type")),
        "tensors_by_quantization": quantization_names(header),
        "dtype": dtype,
        "parameters": sum(math.prod(tensor.shape) for tensor in planned),
        "tied": shape.tied,
        "context_tokens": shape.context_tokens,
        "rope_type": shape.rope["rope_type"],
        "tokens": len(vocabulary.tokens),
        "pre_tokenizer": vocabulary.pre,
        "bytes_without_token": len(vocabulary.missing),
        "end_tokens": [vocabulary.tokens[id_] for id_ in vocabulary.ends],
        "has_chat_template": vocabulary.chat_template is not None,
    }


def _base_models(general: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for index in range(int(general.get("base_model.count", 0))):
        prefix = f"base_model.{index}."
        found.append({k.removeprefix(prefix): v for k, v in general.items() if k.startswith(prefix)})
    return found


def _file_type(number: int | None) -> str | None:
    from gguf import LlamaFileType

    try:
        return None if number is None else LlamaFileType(number).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    except ValueError:
        return f"number {number}"
