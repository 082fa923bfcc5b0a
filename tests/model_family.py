"""A base, an instruct model that is base + D to the last bit, and an adapted model with a larger vocabulary."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from instruct_style import Version, make_instruct, with_names_of
from safetensors.torch import load_file, save_file
from small_model import write_small_model

from hanhua.vocab_extension.resize.initialization import Methods
from hanhua.vocab_extension.resize.resize import grow_model
from hanhua.weights import weight_files

GRID = 2.0**-12
UNTRAINED = {"<|start_header_id|>": 774, "<|end_header_id|>": 775, "<|eot_id|>": 777}
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Family:
    """The folders, and D by tensor."""

    base: Path
    instruct: Path
    adapted: Path
    difference: Tensors


def tensors_of(folder: Path) -> Tensors:
    return {name: tensor for file in weight_files(folder) for name, tensor in load_file(file).items()}


def write_family(
    folder: Path,
    tokenizer: Path,
    extension: Path | None,
    *,
    tied: bool = False,
    dtype: torch.dtype = torch.float32,
    shard_size: str = "5GB",
    version: Version = "3",
    pad_to: int = 1,
) -> Family:
    """Write the three; without an extension the adapted model has the base's vocabulary."""
    base = write_small_model(folder / "base", tokenizer, tied=tied, dtype=dtype, shard_size=shard_size)
    change(base, lambda name, tensor: untrained_special((tensor / GRID).round() * GRID, name))
    with_names_of(base, version)
    instruct = folder / "instruct"
    shutil.copytree(base, instruct)
    generator = torch.Generator().manual_seed(1)
    difference: Tensors = {}

    def tune(name: str, tensor: torch.Tensor) -> torch.Tensor:
        difference[name] = (torch.randn(tensor.shape, generator=generator) * 16).round() * GRID
        return tensor + difference[name]

    change(instruct, tune)
    make_instruct(instruct, version)
    adapted = folder / "adapted"
    if extension is None:
        shutil.copytree(base, adapted)
    else:
        longer = with_names_of(Path(shutil.copytree(extension, folder / "extension")), version)
        grow_model(base, tokenizer=longer, out=adapted, methods=Methods.parse("mean"), seed=0, pad_to=pad_to)
    noise = torch.Generator().manual_seed(2)
    change(adapted, lambda name, tensor: tensor + torch.randn(tensor.shape, generator=noise) * 0.003)
    return Family(base, instruct, adapted, difference)


def untrained_special(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """Make the rows of the header and end tokens what Llama 3's base has: next to zero."""
    if name.endswith(("embed_tokens.weight", "lm_head.weight")):
        tensor[list(UNTRAINED.values())] = 0
    return tensor


def change(folder: Path, function: object) -> None:
    for file in weight_files(folder):
        made = {}
        for name, tensor in load_file(file).items():
            made[name] = function(name, tensor.float()).to(tensor.dtype).contiguous()  # type: ignore[operator]
        save_file(made, file, metadata={"format": "pt"})
