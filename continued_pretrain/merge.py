"""From trained parameters to folders that others load: a PEFT adapter, and a self-contained merged model.

The merge goes through the base's own files, tensor by tensor on the CPU, so that it needs the memory of
one shard, keeps the shards as they were, and leaves what was not trained bit for bit as it was.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from hanhua.artifacts.files import read_json, write_json
from hanhua.continued_pretrain.folders import INDEX, weight_files
from hanhua.continued_pretrain.model import TrainingModel
from hanhua.errors import InvariantError

ADAPTER_FILE = "adapter_model.safetensors"
READABLE = 0o644  # safetensors writes 0600, which no one else could load
_PREFIX = "base_model.model."
_LORA = re.compile(r"(.+)\.lora_([AB])\.weight")
_ROWS = re.compile(r"(.+)\.token_adapter\.trainable_tokens_delta")


def save_adapter(model: TrainingModel, folder: Path, *, base_hash: str) -> int:
    """Save what PEFT holds as an adapter folder, the same bytes for the same weights; return its tensor count.

    base_hash: content hash of the model the adapter belongs to, written to `hanhua.json`: new rows are
    values, so on any other base they are wrong. Raises InvariantError when a trained tensor is missing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    # Without False, PEFT adds both whole embedding matrices to an adapter whose vocabulary has grown.
    model.model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    settings = read_json(folder / "adapter_config.json")
    settings["target_modules"] = sorted(settings["target_modules"])  # a set, in a new order in each process
    settings["base_model_name_or_path"] = None  # a path of this machine
    write_json(folder / "adapter_config.json", settings)
    (folder / ADAPTER_FILE).chmod(READABLE)
    saved = len(load_file(folder / ADAPTER_FILE))
    trained = sum(p.requires_grad for p in model.parameters())
    if saved != trained:
        raise InvariantError(f"{folder / ADAPTER_FILE}: {saved} tensors saved of {trained} that were trained")
    write_json(folder / "hanhua.json", {"base_content_hash": base_hash, "tensors": saved})
    return saved


def merge_adapter(base: Path, adapter: Path, out: Path) -> None:
    """Write `base` with the adapter merged into it as a model folder of the same files.

    Sums are made in fp32 and rounded once. Raises InvariantError when a tensor of the adapter fits none
    of the base's, and OSError when the disk is full.
    """
    settings = read_json(adapter / "adapter_config.json")
    changes = _changes(load_file(adapter / ADAPTER_FILE))
    rank = settings["r"]
    scale = settings["lora_alpha"] / (rank**0.5 if settings["use_rslora"] else rank)
    rows = settings["trainable_token_indices"] or {}
    unused = set(changes)
    for shard in weight_files(base):
        with safe_open(shard, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            metadata = file.metadata()
        for name in tensors.keys() & changes.keys():
            layer = name.removesuffix(".weight").rpartition(".")[2]
            tensors[name] = _merged(tensors[name], changes[name], scale=scale, ids=rows.get(layer))
            unused.discard(name)
        out.mkdir(parents=True, exist_ok=True)
        save_file(tensors, out / shard.name, metadata=metadata)
        (out / shard.name).chmod(READABLE)
    if unused:
        raise InvariantError(f"{base} has no tensor {sorted(unused)[0]}, which the adapter changes")
    copy_companions(base, out)


def copy_companions(base: Path, out: Path, *, without: tuple[str, ...] = ()) -> None:
    """Copy what makes a model folder whole beside its weights: config, generation config, tokenizer, chat template."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(base.iterdir()):
        if path.is_file() and path.suffix != ".safetensors" and path.name not in without:
            shutil.copyfile(path, out / path.name)


def save_whole(model: TrainingModel, base: Path, out: Path) -> None:
    """Write a fully trained model in the dtype and with the companions of `base`."""
    dtype = getattr(torch, read_json(base / "config.json").get("dtype") or "float32")
    model.model.to(dtype).save_pretrained(out)
    for shard in out.glob("*.safetensors"):
        shard.chmod(READABLE)
    # Shards may be cut elsewhere than the base's, so its index would be wrong; save_pretrained wrote its own.
    copy_companions(base, out, without=(INDEX,))


def _changes(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return the adapter's tensors (A, B, rows) by the name of the base tensor they change."""
    changes: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        name = key.removeprefix(_PREFIX)
        lora, rows = _LORA.fullmatch(name), _ROWS.fullmatch(name)
        if lora:
            changes.setdefault(f"{lora[1]}.weight", {})[lora[2]] = tensor
        elif rows:
            changes.setdefault(f"{rows[1]}.weight", {})["rows"] = tensor
        else:
            raise InvariantError(f"{key}: not a tensor of a LoRA adapter with new rows")
    return changes


def _merged(weight: Tensor, change: dict[str, Tensor], *, scale: float, ids: Any) -> Tensor:
    if "rows" in change:
        return weight.index_copy(0, torch.tensor(ids), change["rows"].to(weight.dtype))
    return (weight.float() + scale * (change["B"].float() @ change["A"].float())).to(weight.dtype)
