"""Safetensors files as bytes: where each tensor lies, and new files written piece by piece.

No model is loaded and no tensor is decoded that is not being changed; torch is not needed. The format: eight
bytes of length, a JSON header, then the data (https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
COPY_BYTES = 1 << 24
ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True)
class TensorPlace:
    """Where a tensor is: its file, dtype (`BF16`, …), shape, and first and past-the-last byte in the file."""

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def weight_files(model: Path) -> list[Path]:
    """Return the safetensors files of a model folder, sorted; InputError when one is missing or there is none."""
    if (model / INDEX).is_file():
        named = sorted(set(read_json(model / INDEX)["weight_map"].values()))
        missing = [name for name in named if not (model / name).is_file()]
        if missing:
            raise InputError(f"{model}: {INDEX} names {', '.join(missing)}, missing here; copy the whole folder")
        return [model / name for name in named]
    if (model / SINGLE).is_file():
        return [model / SINGLE]
    other = sorted(path.name for path in model.glob("*.bin")) + sorted(path.name for path in model.glob("*.pth"))
    found = f"; found {', '.join(other)}, which is pickle: convert it to safetensors" if other else ""
    raise InputError(f"{model}: no {SINGLE} and no {INDEX}{found}")


def read_places(file: Path) -> tuple[list[TensorPlace], dict[str, str]]:
    """Return the tensors of a safetensors file in the order of their bytes, and its metadata."""
    size = file.stat().st_size
    with file.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        try:
            if not 0 < length <= size - 8:
                raise ValueError(f"a header of {length:,} bytes in a file of {size:,}")
            header: dict[str, Any] = json.loads(handle.read(length))
        except ValueError as error:
            raise InputError(f"{file}: not a whole safetensors file ({error})") from error
    metadata = header.pop("__metadata__", {})
    start = 8 + length
    places = [
        TensorPlace(file, name, t["dtype"], tuple(t["shape"]), *(start + at for at in t["data_offsets"]))
        for name, t in header.items()
    ]
    places.sort(key=lambda place: (place.begin, place.end))
    if places and places[-1].end != size:
        raise InputError(f"{file}: {size:,} bytes, and its header describes {places[-1].end:,}; copy it again")
    return places, metadata


def tensor_rows(place: TensorPlace) -> npt.NDArray[Any]:
    """Return a matrix as a read-only memory map, rows first; BF16 comes as its bits in uint16."""
    dtype = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}[place.dtype]
    rows: npt.NDArray[Any] = np.memmap(place.file, dtype=dtype, mode="r", offset=place.begin, shape=place.shape)
    return rows


def to_float32(values: npt.NDArray[Any], dtype: str) -> npt.NDArray[np.float32]:
    """Return stored values as float32."""
    if dtype == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)


def from_float32(values: npt.NDArray[np.float32], dtype: str) -> npt.NDArray[Any]:
    """Return float32 values as they are stored; BF16 is rounded to nearest, ties to even, as torch does."""
    if dtype == "BF16":
        bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return values.astype({"F32": np.float32, "F16": np.float16}[dtype])


def write_grown(source: Path, target: Path, grown: Mapping[str, tuple[int, Callable[[], Iterator[bytes]]]]) -> int:
    """Copy a safetensors file with rows appended to some tensors; return the bytes of tensor data.

    grown: tensor name → (number of new rows, a function that yields their bytes). All else is copied byte
    for byte, in the same order.
    """
    places, metadata = read_places(source)
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for place in places:
        extra, _ = grown.get(place.name, (0, None))
        bigger = replace(place, shape=(place.shape[0] + extra, *place.shape[1:])) if extra else place
        size = place.end - place.begin
        size += size // place.shape[0] * extra if extra else 0
        header[place.name] = {"dtype": place.dtype, "shape": list(bigger.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with source.open("rb") as old, target.open("wb") as new:
        new.write(len(text).to_bytes(8, "little") + text)
        for place in places:
            _copy(old, new, place)
            for piece in grown[place.name][1]() if place.name in grown else ():
                new.write(piece)
        if new.tell() != 8 + len(text) + at:
            raise ValueError(f"{target}: wrote {new.tell():,} bytes where {8 + len(text) + at:,} were announced")
        new.flush()
        os.fsync(new.fileno())
    return at


def _copy(old: BinaryIO, new: BinaryIO, place: TensorPlace) -> None:
    old.seek(place.begin)
    left = place.end - place.begin
    while left:
        chunk = old.read(min(left, COPY_BYTES))
        new.write(chunk)
        left -= len(chunk)
