"""Weight files cut to size by copying bytes: no tensor is decoded, so memory stays at one buffer."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.store import check_free_space, link_or_copy
from hanhua.errors import InputError
from hanhua.progress import Progress
from hanhua.weights import INDEX, SINGLE, StoredTensor, copy_tensor, read_header, weight_files


def read_tensors(model: Path) -> dict[str, StoredTensor]:
    """Return every tensor of a model folder by name.

    Raises InputError when the index and the files disagree.
    """
    files = weight_files(model)
    tensors = {tensor.name: tensor for file in files for tensor in read_header(file)[0]}
    if (model / INDEX).is_file():
        for name, file in read_json(model / INDEX)["weight_map"].items():
            if name not in tensors or tensors[name].file.name != file:
                raise InputError(f"{model / INDEX}: places {name} in {file}, which does not hold it")
    return tensors


def parameters(tensors: dict[str, StoredTensor]) -> int:
    """Return the number of weights."""
    return sum(math.prod(tensor.shape) for tensor in tensors.values())


def write_weights(model: Path, out: Path, *, max_shard_bytes: int) -> list[str]:
    """Put a model's weights into `out`, no file above the limit unless one tensor alone is.

    Files that fit already are linked (or copied); otherwise all are cut anew. Returns the file names.
    """
    sources = weight_files(model)
    tensors = read_tensors(model)
    for name in [INDEX, *_old_shards(out)]:
        (out / name).unlink(missing_ok=True)
    headers = [read_header(file)[0] for file in sources]
    if all(sum(t.size_bytes for t in header) <= max_shard_bytes or len(header) == 1 for header in headers):
        for file in sources:
            (out / file.name).unlink(missing_ok=True)
            link_or_copy(file, out / file.name)
        if (model / INDEX).is_file():
            write_json(out / INDEX, read_json(model / INDEX))
        return [file.name for file in sources]
    return _write_shards(out, list(tensors.values()), max_shard_bytes)


def _old_shards(out: Path) -> Iterator[str]:
    # A killed release left them; a link must not be written through.
    yield from (path.name for path in out.glob("model*.safetensors"))


def _plan(tensors: list[StoredTensor], max_shard_bytes: int) -> list[list[StoredTensor]]:
    shards: list[list[StoredTensor]] = [[]]
    filled = 0
    for tensor in tensors:
        if shards[-1] and filled + tensor.size_bytes > max_shard_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(tensor)
        filled += tensor.size_bytes
    return shards


def _write_shards(out: Path, tensors: list[StoredTensor], max_shard_bytes: int) -> list[str]:
    shards = _plan(tensors, max_shard_bytes)
    total = sum(tensor.size_bytes for tensor in tensors)
    check_free_space(out, total)
    names = [SINGLE] if len(shards) == 1 else []
    names = names or [f"model-{i:05d}-of-{len(shards):05d}.safetensors" for i in range(1, len(shards) + 1)]
    weight_map: dict[str, str] = {}
    with Progress("release", total=total >> 20, unit="MB of weights") as bar:
        for name, shard in zip(names, shards, strict=True):
            _write_shard(out / name, shard, bar)
            weight_map.update({tensor.name: name for tensor in shard})
    if len(shards) > 1:
        counts = {"total_parameters": sum(math.prod(t.shape) for t in tensors), "total_size": total}
        write_json(out / INDEX, {"metadata": counts, "weight_map": dict(sorted(weight_map.items()))})
    return names


def _write_shard(path: Path, tensors: list[StoredTensor], bar: Progress) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    begin = 0
    for tensor in tensors:
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [begin, begin + tensor.size_bytes],
        }
        begin += tensor.size_bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # readers map the bytes after it, which must be aligned
    with path.open("wb") as target:
        target.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors:
            with tensor.file.open("rb") as source:
                copy_tensor(source, target, tensor)
            bar.advance(tensor.size_bytes >> 20)
        target.flush()
        os.fsync(target.fileno())
