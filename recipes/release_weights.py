"""Weight files cut to size by copying bytes: no tensor is decoded, so memory stays at one buffer.

A safetensors file is an 8-byte little-endian length, a JSON header of that length, then the tensors' bytes.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.store import check_free_space, link_or_copy
from hanhua.errors import InputError
from hanhua.progress import Progress

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
MAX_HEADER_BYTES = 100_000_000  # the format's own limit
COPY_BYTES = 1 << 22


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file: where its bytes begin (absolute) and how many they are."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    begin: int
    size_bytes: int


def weight_files(model: Path) -> list[Path]:
    """Return a model folder's weight files, by its index when it has one.

    Raises InputError when there are none, or the index names one that is missing.
    """
    if (model / INDEX).is_file():
        names = sorted(set(read_json(model / INDEX)["weight_map"].values()))
        missing = [name for name in names if not (model / name).is_file()]
        if missing:
            raise InputError(f"{model}: {INDEX} names {', '.join(missing)}, which is not there")
        return [model / name for name in names]
    if (model / SINGLE).is_file():
        return [model / SINGLE]
    raise InputError(f"{model}: neither {SINGLE} nor {INDEX}: no weights to release")


def read_header(file: Path) -> list[StoredTensor]:
    """Return the tensors of a safetensors file in the order of their bytes.

    Raises InputError when the file is cut short or is no safetensors file.
    """
    size = file.stat().st_size
    with file.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            raise InputError(f"{file}: not a safetensors file, or cut short")
        try:
            header: dict[str, Any] = json.loads(source.read(length))
        except ValueError as error:
            raise InputError(f"{file}: its header is not JSON ({error})") from error
    header.pop("__metadata__", None)
    tensors = []
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors.append(StoredTensor(name, entry["dtype"], tuple(entry["shape"]), file, 8 + length + begin, end - begin))
    if 8 + length + sum(t.size_bytes for t in tensors) != size:
        raise InputError(f"{file}: {size:,} bytes, which is not what its header promises; it is cut short")
    return sorted(tensors, key=lambda t: t.begin)


def read_tensors(model: Path) -> dict[str, StoredTensor]:
    """Return every tensor of a model folder by name.

    Raises InputError when the index and the files disagree.
    """
    files = weight_files(model)
    tensors = {tensor.name: tensor for file in files for tensor in read_header(file)}
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
    headers = [read_header(file) for file in sources]
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
    text += b" " * (-len(text) % 8)  # readers map the bytes behind it, which must be aligned
    with path.open("wb") as target:
        target.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors:
            with tensor.file.open("rb") as source:
                source.seek(tensor.begin)
                _copy(source, target, tensor.size_bytes)
            bar.advance(tensor.size_bytes >> 20)
        target.flush()
        os.fsync(target.fileno())


def _copy(source: BinaryIO, target: BinaryIO, left_bytes: int) -> None:
    while left_bytes:
        chunk = source.read(min(COPY_BYTES, left_bytes))
        if not chunk:
            raise InputError(f"{source.name}: ends before its header says it does")
        target.write(chunk)
        left_bytes -= len(chunk)
