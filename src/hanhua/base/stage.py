"""The stage `base`: a folder that everything after can rely on, with a model or a tokenizer alone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts import Artifact
from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.store import link_or_copy
from hanhua.base.config import BaseConfig
from hanhua.base.gguf import convert_gguf
from hanhua.base.gguf.header import read_gguf_header
from hanhua.base_model import COMPANIONS, resolve_base_model
from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.errors import InputError
from hanhua.gguf_location import locate_gguf
from hanhua.model_folder import check_sizes, embedding_rows, model_facts
from hanhua.model_scope import MS_PREFIX
from hanhua.services import Services
from hanhua.weights import weight_files

_GENERATION = ("bos_token_id", "eos_token_id", "pad_token_id")
_TOKENIZER_FILES = (
    *("tokenizer*.json", "special_tokens_map.json", "chat_template.jinja"),
    *("LICENSE*", "USE_POLICY*", "NOTICE*"),
)


def prepare_base(
    config: BaseConfig, inputs: Mapping[str, Artifact], out: Path, *, services: Services
) -> dict[str, Any]:
    """Put the base into `out/model`: a folder's model, the Hub's, a GGUF file's, a toy model, or a tokenizer alone.

    inputs: `corpus`, whose English a toy model learns; no other base needs it. services: `toy` makes toy models.
    Raises InputError for a folder without safetensors weights or tokenizer, with missing shards, or with a
    tokenizer larger than the model.
    """
    if config.toy is not None:
        assert services.toy is not None  # the declaration asks for it
        return dict(services.toy.make(config.toy, config.tokenizer, inputs.get("corpus"), out))
    if config.model is not None:
        return _prepare_model(config.model, out / "model")
    _copy_new(resolve_base_tokenizer(config.tokenizer), out / "model", _TOKENIZER_FILES)
    return {"toy": False, "tokenizer_only": True, **_named(config.tokenizer)}


def _named(tokenizer: str) -> dict[str, Any]:
    """Return the name of a tokenizer alone, and the license that a GGUF file states."""
    file = None if Path(tokenizer).is_dir() else locate_gguf(tokenizer)
    if file is None:
        return {"name": Path(tokenizer).name}
    return {"name": file.name, "license": read_gguf_header(file).metadata.get("general.license")}


def _prepare_model(model: str, target: Path) -> dict[str, Any]:
    file = None if Path(model).is_dir() else locate_gguf(model)
    if file is not None:
        return _convert_model(file, target)
    source = resolve_base_model(model)
    check_folder(source)
    _copy_new(source, target, COMPANIONS)
    for path in weight_files(source):
        link_or_copy(path.resolve(), target / path.name)
    settings = read_json(target / "config.json")
    if not (target / "generation_config.json").is_file():
        generation = {key: settings[key] for key in _GENERATION if settings.get(key) is not None}
        write_json(target / "generation_config.json", generation)
    return {
        "toy": False,
        "name": Path(model).name if Path(model).is_dir() else model.removeprefix(MS_PREFIX),
        **model_facts(target),
    }


def _convert_model(file: Path, target: Path) -> dict[str, Any]:
    shutil.rmtree(target, ignore_errors=True)
    facts = convert_gguf(file, target)
    check_folder(target)
    name = facts.pop("name") or file.stem
    return {"toy": False, "name": name, "gguf": facts, "license": facts["license"], **model_facts(target)}


def _copy_new(source: Path, target: Path, patterns: tuple[str, ...]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for pattern in patterns:
        for path in sorted(source.glob(pattern)):
            shutil.copyfile(path, target / path.name)


def check_folder(folder: Path) -> None:
    """Raise InputError for a model folder that cannot be used, with what to do about it."""
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so this is not a Hugging Face model folder")
    weight_files(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: no {name}; put the model's own tokenizer next to its weights")
    rows = check_sizes(folder, first_new_id=None)
    found = embedding_rows(folder)
    if found != rows:
        raise InputError(f"{folder}: config.json says {rows:,} vocabulary rows, the weights have {found:,}")
