"""From trained tensors to folders that others load: a PEFT adapter, and a self-contained merged model.

The merge goes through the base's own files, tensor by tensor on the CPU, so that it needs the memory of
one shard, keeps the shards as they were, and leaves what was not trained bit for bit as it was.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from hanhua.artifacts.files import read_json, write_json
from hanhua.continued_pretrain.model import ADAPTER, TrainingModel
from hanhua.continued_pretrain.trained import ROWS, trainable_parameters
from hanhua.errors import InvariantError
from hanhua.weights import sort_metadata, weight_files

ADAPTER_FILE = "adapter_model.safetensors"
READABLE = 0o644  # safetensors writes 0600, which no one else could load
_PREFIX = "base_model.model."
_EMBEDDINGS, _HEAD = "model.embed_tokens.weight", "lm_head.weight"
_LORA = re.compile(r"(.+)\.lora_(A|B)\.weight")
_MAGNITUDE = re.compile(r"(.+)\.lora_magnitude_vector")
_ROWS = re.compile(r"(.+?)(?:\.token_adapter)?\.trainable_tokens_delta")


def save_adapter(model: TrainingModel, trained: Mapping[str, Tensor], folder: Path, *, base_hash: str) -> int:
    """Save what was trained as PEFT saves it, the same bytes for the same weights; return the tensors counted in it.

    trained: whole tensors by the training model's names. base_hash: content hash of the model the adapter belongs to,
    written to `hanhua.json`: new rows are values, so on any other base they are wrong. Raises InvariantError when
    a trained tensor is missing.
    """
    expected = set(trainable_parameters(model))
    if expected != set(trained):
        raise InvariantError(f"{len(trained)} tensors to save of {len(expected)} that were trained")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    only_rows = all(name.startswith(ROWS) for name in trained)
    tensors = {key: trained[name] for name, key in peft_names(trained).items()}
    save_file(tensors, folder / ADAPTER_FILE, metadata={"format": "pt"})
    (folder / ADAPTER_FILE).chmod(READABLE)
    write_json(folder / "adapter_config.json", _adapter_config(model, trained, only_rows=only_rows))
    with safe_open(folder / ADAPTER_FILE, "pt") as file:
        saved = len(file.keys())
    if saved != len(expected):
        raise InvariantError(f"{folder / ADAPTER_FILE}: {saved} tensors saved of {len(expected)} that were trained")
    write_json(folder / "hanhua.json", {"base_content_hash": base_hash, "tensors": saved})
    return saved


def peft_names(names: Iterable[str]) -> dict[str, str]:
    """Return PEFT's names of an adapter's tensors by the training model's."""
    known = list(names)
    only_rows = all(name.startswith(ROWS) for name in known)
    return {name: _peft_key(name, only_rows=only_rows) for name in known}


def _peft_key(name: str, *, only_rows: bool) -> str:
    if name.startswith(ROWS):
        matrix = name.removeprefix(ROWS)
        place = "model.embed_tokens" if matrix == "embed_tokens" else matrix
        return f"{_PREFIX}{place}{'' if only_rows else '.token_adapter'}.trainable_tokens_delta"
    name = name.removeprefix("model.").replace(f".lora_magnitude_vector.{ADAPTER}.weight", ".lora_magnitude_vector")
    return name.replace(f".{ADAPTER}.", ".")


def _adapter_config(model: TrainingModel, trained: Mapping[str, Tensor], *, only_rows: bool) -> dict[str, Any]:
    from peft import TrainableTokensConfig

    matrices = sorted(name.removeprefix(ROWS) for name in trained if name.startswith(ROWS))
    ids: list[int] = []
    if matrices and model.first_new_id is not None:
        ids = list(range(model.first_new_id, model.first_new_id + len(trained[ROWS + matrices[0]])))
    if only_rows:
        settings = TrainableTokensConfig(token_indices=ids, target_modules=matrices, task_type="CAUSAL_LM").to_dict()
    else:
        settings = model.model.peft_config[ADAPTER].to_dict()
        settings["trainable_token_indices"] = dict.fromkeys(matrices, ids) or None
        whole = [name for name in ("embed_tokens", "lm_head") if any(f".{name}.weight" in key for key in trained)]
        settings["modules_to_save"] = whole or None
        settings["target_modules"] = sorted(settings["target_modules"])  # a set, in a new order in each process
        if not matrices and not whole and not settings["use_dora"]:
            settings |= _without_rslora(settings)
    settings["base_model_name_or_path"] = None  # a path of this machine
    settings["inference_mode"] = True
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in settings.items()}
    return {key: getattr(value, "value", value) for key, value in sorted(plain.items())}


def _without_rslora(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same strength as alpha/rank: llama.cpp's own converter takes alpha and rank, and rsLoRA for nothing.

    With alpha 16 and rank 64 it would make an adapter eight times too weak, without a word.
    """
    if not settings["use_rslora"]:
        return {}
    alpha = settings["lora_alpha"] * settings["r"] ** 0.5
    return {"use_rslora": False, "lora_alpha": int(alpha) if float(alpha).is_integer() else alpha}


def merge_adapter(base: Path, adapter: Path, out: Path) -> None:
    """Write `base` with the adapter merged into it as a model folder of the same files.

    Sums are made in fp32 and rounded once. Raises InvariantError when a tensor of the adapter fits none
    of the base's, and OSError when the disk is full.
    """
    settings = read_json(adapter / "adapter_config.json")
    changes = _changes(load_file(adapter / ADAPTER_FILE))
    scale, ids = scale_of(settings), _row_ids(settings)

    def change(name: str, tensor: Tensor) -> Tensor:
        layer = name.removesuffix(".weight").rpartition(".")[2]
        return _merged(tensor, changes[name], scale=scale, ids=ids.get(layer))

    _rewrite(base, out, set(changes), change)


def merge_weights(base: Path, trained: Mapping[str, Tensor], out: Path) -> None:
    """Write `base` with whole tensors put in place of its own, in the base's dtype and files.

    trained: by the training model's names. Raises InvariantError for a tensor that fits none of the base's.
    """
    by_name = {name.removeprefix("model."): tensor for name, tensor in trained.items()}

    def change(name: str, tensor: Tensor) -> Tensor:
        return by_name[name].to(tensor.dtype)

    _rewrite(base, out, set(by_name), change)


def _rewrite(base: Path, out: Path, names: set[str], change: Callable[[str, Tensor], Tensor]) -> None:
    """Write the base's files to `out`, the named tensors changed."""
    unused = set(names)
    # A tied model's file may hold a copy of its embeddings as the head, which transformers loads in their place.
    copy = _HEAD if _says_tied(base) and _HEAD not in names else None
    out.mkdir(parents=True, exist_ok=True)
    for shard in weight_files(base):
        with safe_open(shard, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            metadata = file.metadata()
        for name in tensors.keys() & names:
            tensors[name] = change(name, tensors[name]).contiguous()
            unused.discard(name)
        if copy in tensors and _EMBEDDINGS in names:
            tensors[copy] = change(_EMBEDDINGS, tensors[copy]).clone().contiguous()
        save_file(tensors, out / shard.name, metadata=metadata)
        sort_metadata(out / shard.name)
        (out / shard.name).chmod(READABLE)
    if unused:
        raise InvariantError(f"{base} has no tensor {sorted(unused)[0]}, which training changed")
    copy_companions(base, out)


def _says_tied(base: Path) -> bool:
    return (base / "config.json").is_file() and bool(read_json(base / "config.json").get("tie_word_embeddings"))


def copy_companions(base: Path, out: Path) -> None:
    """Copy what a model folder needs besides its weights: config, generation config, tokenizer, chat template."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(base.iterdir()):
        if path.is_file() and path.suffix != ".safetensors":
            shutil.copyfile(path, out / path.name)


def scale_of(settings: Mapping[str, Any]) -> float:
    """Return what B times A is multiplied with, by PEFT's settings of an adapter; 0 where it has rows alone."""
    if "r" not in settings:
        return 0.0  # an adapter of rows alone
    rank = settings["r"]
    return float(settings["lora_alpha"]) / float(rank**0.5 if settings["use_rslora"] else rank)


def _row_ids(settings: Mapping[str, Any]) -> dict[str, list[int]]:
    if settings.get("token_indices"):
        return dict.fromkeys(settings["target_modules"], settings["token_indices"])
    return settings.get("trainable_token_indices") or {}


def _changes(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return the adapter's tensors (A, B, magnitude, rows, whole) by the name of the base tensor they change."""
    changes: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        name = key.removeprefix(_PREFIX)
        if lora := _LORA.fullmatch(name):
            changes.setdefault(f"{lora[1]}.weight", {})[lora[2]] = tensor
        elif magnitude := _MAGNITUDE.fullmatch(name):
            changes.setdefault(f"{magnitude[1]}.weight", {})["magnitude"] = tensor
        elif rows := _ROWS.fullmatch(name):
            changes.setdefault(f"{rows[1]}.weight", {})["rows"] = tensor
        elif name.endswith(("embed_tokens.weight", "lm_head.weight")):
            changes.setdefault(name, {})["whole"] = tensor
        else:
            raise InvariantError(f"{key}: not a tensor of a LoRA adapter with new rows")
    return changes


def _merged(weight: Tensor, change: dict[str, Tensor], *, scale: float, ids: Any) -> Tensor:
    if "whole" in change:
        return change["whole"].to(weight.dtype)
    if "rows" in change:
        return weight.index_copy(0, torch.tensor(ids), change["rows"].to(weight.dtype))
    total = weight.float() + scale * (change["B"].float() @ change["A"].float())
    if "magnitude" in change:  # DoRA (Liu et al. 2024, equation 5): direction times its learned size
        total = total * (change["magnitude"].float() / total.norm(dim=1))[:, None]
    return total.to(weight.dtype)
