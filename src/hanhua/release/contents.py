"""What a release holds apart from its documents: a merged model, an adapter with its base, or only a tokenizer.

Weights are linked or cut to size without being decoded.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.manifest import Artifact, content_hash, hash_files
from hanhua.errors import InputError, InvariantError
from hanhua.hub_names import is_hub_id
from hanhua.release.chat_model import template_of
from hanhua.release.job import ReleaseJob
from hanhua.release.weights import parameters, read_tensors, write_weights
from hanhua.weights import read_header

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
ADAPTER_FILE = "adapter_model.safetensors"
BASE_FOLDER = "base"
"""Folder of an adapter's resized base in its release: the adapter fits no other model."""
GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class Contents:
    """What was put into a release. source: the folder it came from; parameters: of an adapter, only its own."""

    source: Path
    parameters: int = 0
    weight_bytes: int = 0
    weight_files: tuple[str, ...] = ()


def put_contents(config: ReleaseJob, inputs: Mapping[str, Artifact], out: Path) -> Contents:
    """Put what the release's kind asks for into `out`; InputError when the run did not make it."""
    if config.kind == "tokenizer":
        return _put_only_tokenizer(inputs["tokenizer"].path, out)
    if config.kind == "adapter":
        return _put_adapter(config, inputs, out)
    made = inputs.get("restored", inputs.get("adapted"))
    assert made is not None  # a recipe's release needs training
    return _put_model(_model_folder(made), out, max_shard_gigabytes=config.max_shard_gigabytes)


def _model_folder(artifact: Artifact) -> Path:
    folder = artifact.path / "model"
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so there is no model to release")
    return folder


def _put_model(model: Path, out: Path, *, max_shard_gigabytes: float) -> Contents:
    tensors = read_tensors(model)
    files = write_weights(model, out, max_shard_bytes=int(max_shard_gigabytes * GIGABYTE))
    _put_settings(model, out)
    _put_tokenizer(model, out)
    size = sum(tensor.size_bytes for tensor in tensors.values())
    return Contents(model, parameters(tensors), size, tuple(files))


def _put_only_tokenizer(tokenizer: Path, out: Path) -> Contents:
    _put_tokenizer(tokenizer, out)
    if (tokenizer / "extension.json").is_file():
        shutil.copyfile(tokenizer / "extension.json", out / "extension.json")
    return Contents(tokenizer)


def _put_adapter(config: ReleaseJob, inputs: Mapping[str, Artifact], out: Path) -> Contents:
    """Put adapter and tokenizer at the top and, unless the stock base will do, the base it was trained on below."""
    adapter, trained_on = inputs["adapted"].path / "adapter", inputs.get("resized", inputs["base"])
    if not (adapter / ADAPTER_FILE).is_file():
        raise InputError(f"{adapter}: no {ADAPTER_FILE}, so there is no adapter to release")
    named = read_json(adapter / "hanhua.json")
    expected = trained_on.part("model").content_hash
    if named["base_content_hash"] != expected:
        raise InvariantError(
            f"{adapter}: made for the model {named['base_content_hash'][:12]}, not for {expected[:12]}"
        )
    for file in (ADAPTER_FILE, "adapter_config.json"):
        (out / file).unlink(missing_ok=True)
        shutil.copyfile(adapter / file, out / file)
    base = _model_folder(trained_on)
    _put_tokenizer(base, out)
    stock = "resized" not in inputs and not config.toy and is_hub_id(config.base_name)
    settings = read_json(out / "adapter_config.json")
    settings["base_model_name_or_path"] = config.base_name if stock else None
    write_json(out / "adapter_config.json", settings)
    if not stock:
        below = out / BASE_FOLDER
        shutil.rmtree(below, ignore_errors=True)
        below.mkdir()
        _put_model(base, below, max_shard_gigabytes=config.max_shard_gigabytes)
        named["base_content_hash"] = content_hash(hash_files(below))
    write_json(out / "hanhua.json", named)
    tensors = read_header(out / ADAPTER_FILE)[0]
    own = {tensor.name: tensor for tensor in tensors}
    return Contents(adapter, parameters(own), sum(t.size_bytes for t in tensors), (ADAPTER_FILE,))


def _put_settings(model: Path, out: Path) -> None:
    write_json(out / "config.json", readable_by_older(read_json(model / "config.json")))
    if (model / "generation_config.json").is_file():
        shutil.copyfile(model / "generation_config.json", out / "generation_config.json")


def _put_tokenizer(model: Path, out: Path) -> None:
    for file in TOKENIZER_FILES:
        if (model / file).is_file():
            shutil.copyfile(model / file, out / file)
    settings = read_json(out / "tokenizer_config.json")
    template = template_of(out)
    if template is not None:
        # Older transformers, and servers built on it, look for the template here and not in a file of its own.
        settings.setdefault("chat_template", template)
    # transformers 5 writes a class that 4, and with it many servers, does not know; both know this one.
    if settings.get("tokenizer_class") in (None, "TokenizersBackend"):
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    for key in ("backend", "is_local", "local_files_only", "name_or_path"):
        settings.pop(key, None)
    write_json(out / "tokenizer_config.json", settings)


def readable_by_older(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config that says the same to transformers 4, vLLM and llama.cpp as to transformers 5.

    Version 5 writes only `rope_parameters` and `dtype`; a reader that looks for `rope_theta` would silently
    take 10,000 for Llama 3's 500,000.
    """
    config = dict(config)
    config.pop("_name_or_path", None)  # a folder of the machine it was made on
    rope = config.get("rope_parameters")
    if isinstance(rope, dict) and "rope_theta" in rope:
        config.setdefault("rope_theta", rope["rope_theta"])
        if rope.get("rope_type", "default") != "default":
            scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
            config.setdefault("rope_scaling", scaling)
    if "dtype" in config:
        config.setdefault("torch_dtype", config["dtype"])
    return dict(sorted(config.items()))
