"""The stage `base`: a model folder that everything after can rely on, or a stand-in made on the spot."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from hanhua.artifacts import Artifact
from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.store import link_or_copy
from hanhua.base_model import COMPANIONS, resolve_base_model
from hanhua.continued_pretrain.config import BaseConfig
from hanhua.continued_pretrain.folders import check_sizes, weight_files
from hanhua.errors import InputError
from hanhua.skills import Skills


def prepare_base(config: BaseConfig, inputs: Mapping[str, Artifact], out: Path, *, skills: Skills) -> dict[str, Any]:
    """Put the base model into `out/model`: from a folder, the Hub, or a stand-in trained on inputs["corpus"]'s English.

    Raises InputError for a folder without safetensors weights or tokenizer, with missing shards, or with a
    tokenizer larger than the model. No skill is needed.
    """
    if config.stand_in is not None:
        from hanhua.continued_pretrain.stand_in import make_stand_in

        return make_stand_in(config.stand_in, config.tokenizer, inputs.get("corpus"), out)
    assert config.model is not None  # the config's own check
    source = resolve_base_model(config.model)
    check_folder(source)
    target = out / "model"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for path in weight_files(source):
        link_or_copy(path.resolve(), target / path.name)
    for pattern in COMPANIONS:
        for path in sorted(source.glob(pattern)):
            shutil.copyfile(path, target / path.name)
    settings = read_json(target / "config.json")
    if not (target / "generation_config.json").is_file():
        write_json(
            target / "generation_config.json", {k: settings[k] for k in _GENERATION if settings.get(k) is not None}
        )
    return {"stand_in": False, "name": _name(config.model), **model_facts(target)}


_GENERATION = ("bos_token_id", "eos_token_id", "pad_token_id")


def check_folder(folder: Path) -> None:
    """Raise InputError for a model folder that cannot be used, with what to do about it."""
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so this is not a Hugging Face model folder")
    shards = weight_files(folder)
    if not shards:
        pickled = " (only pickled weights, which are never loaded: convert them to safetensors)"
        raise InputError(f"{folder}: no safetensors weights{pickled if any(folder.glob('*.bin')) else ''}")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: no {name}; put the model's own tokenizer beside its weights")
    for shard in shards:
        if not shard.is_file():
            raise InputError(f"{folder}: the shard {shard.name} is missing; download or copy it again")
    rows = check_sizes(folder, first_new_id=None)
    found = embedding_rows(folder)
    if found != rows:
        raise InputError(f"{folder}: config.json says {rows:,} vocabulary rows, the weights have {found:,}")


def embedding_rows(folder: Path) -> int:
    """Return the rows of the input embedding in a folder's weights, reading headers only."""
    for path in weight_files(folder):
        try:
            with safe_open(path, "np") as file:
                for name in file.keys():  # noqa: SIM118 (no mapping)
                    if name.endswith("embed_tokens.weight"):
                        return int(file.get_slice(name).get_shape()[0])
        except SafetensorError as error:
            raise InputError(f"{path}: not a whole safetensors file ({error}); download or copy it again") from error
    raise InputError(f"{folder}: no embed_tokens.weight in its weights")


def model_facts(folder: Path) -> dict[str, Any]:
    """Return size and shape of a model folder for the manifest, from headers only."""
    parameters, settings = 0, read_json(folder / "config.json")
    for path in weight_files(folder):
        with safe_open(path, "np") as file:
            for name in file.keys():  # noqa: SIM118 (no mapping)
                count = 1
                for size in file.get_slice(name).get_shape():
                    count *= size
                parameters += count
    return {
        "parameters": parameters,
        "vocab_size": settings["vocab_size"],
        "hidden_size": settings["hidden_size"],
        "layers": settings["num_hidden_layers"],
        "tied": bool(settings.get("tie_word_embeddings", False)),
    }


def _name(model: str) -> str:
    return Path(model).name if Path(model).is_dir() else model
