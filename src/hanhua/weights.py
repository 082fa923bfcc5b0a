"""Safetensors files as bytes: which files a model has, and where each tensor lies. No tensor is decoded.

The format: eight bytes of length (little-endian), a JSON header of that length, then the tensors' bytes
(https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError, InvariantError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
MAX_HEADER_BYTES = 100_000_000  # the format's own limit
COPY_BYTES = 1 << 22


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file: its dtype (`BF16`, …), shape, and first and past-the-last byte in the file."""

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the tensor."""
        return self.end - self.begin


def weight_files(model: Path) -> list[Path]:
    """Return the weight files of a model folder, sorted; by its index when it has one.

    Raises InputError when there are none, or the index names one that is missing.
    """
    if (model / INDEX).is_file():
        names = sorted(set(read_json(model / INDEX)["weight_map"].values()))
        missing = [name for name in names if not (model / name).is_file()]
        if missing:
            raise InputError(f"{model}: {INDEX} names {', '.join(missing)}, missing here; copy the whole folder")
        return [model / name for name in names]
    if (model / SINGLE).is_file():
        return [model / SINGLE]
    other = sorted(path.name for path in model.glob("*.bin")) + sorted(path.name for path in model.glob("*.pth"))
    found = f"; found {', '.join(other)}, which is pickle: convert it to safetensors" if other else ""
    raise InputError(f"{model}: no weights: neither {SINGLE} nor {INDEX}{found}")


def read_header(file: Path) -> tuple[list[StoredTensor], dict[str, str]]:
    """Return the tensors of a safetensors file in the order of their bytes, and its metadata.

    Raises InputError when the file is cut short or is no safetensors file.
    """
    size = file.stat().st_size
    with file.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        if size < 8 or not 0 < length <= min(size - 8, MAX_HEADER_BYTES):
            raise InputError(f"{file}: not a whole safetensors file (a header of {length:,} bytes in {size:,})")
        try:
            header: dict[str, Any] = json.loads(source.read(length))
        except ValueError as error:
            raise InputError(f"{file}: not a whole safetensors file (its header is not JSON: {error})") from error
    metadata: dict[str, str] = header.pop("__metadata__", {})
    start = 8 + length
    tensors = [
        StoredTensor(file, name, entry["dtype"], tuple(entry["shape"]), *(start + at for at in entry["data_offsets"]))
        for name, entry in header.items()
    ]
    promised = start + sum(tensor.size_bytes for tensor in tensors)
    if promised != size:
        state = "cut short" if size < promised else "too long"
        raise InputError(f"{file}: {state} ({size:,} bytes where its header describes {promised:,}); copy it again")
    return sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)), metadata


def sort_metadata(file: Path) -> None:
    """Put the metadata of a safetensors file in the order of its keys; the tensors stay where they lie.

    The library writes metadata from a hash map, in another order each time, so that equal models have unequal files.
    """
    with file.open("r+b") as target:
        length = int.from_bytes(target.read(8), "little")
        header: dict[str, Any] = json.loads(target.read(length))
        if "__metadata__" not in header:
            return
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) > length:
            raise InvariantError(f"{file}: a header of {length:,} bytes became one of {len(text):,}")
        target.seek(8)
        target.write(text.ljust(length))


def copy_tensor(source: BinaryIO, target: BinaryIO, tensor: StoredTensor) -> None:
    """Copy a tensor's bytes from one open file to the end of another, through one small buffer."""
    source.seek(tensor.begin)
    left = tensor.size_bytes
    while left:
        chunk = source.read(min(left, COPY_BYTES))
        if not chunk:
            raise InputError(f"{tensor.file}: ends inside {tensor.name}; copy it again")
        target.write(chunk)
        left -= len(chunk)
