"""Matrices of a safetensors file as rows, and new files with rows appended, written piece by piece.

No model is loaded and no tensor is decoded that is not being changed; torch is not needed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.weights import StoredTensor, copy_tensor, read_header

ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True)
class Growth:
    """Rows to append to a tensor: how many, and a function that yields their bytes.

    kept: how many of the old rows stay before them; None for all.
    """

    rows: int
    pieces: Callable[[], Iterator[bytes]]
    kept: int | None = None

    def shape(self, place: StoredTensor) -> tuple[int, ...]:
        """Return the tensor's new shape."""
        kept = place.shape[0] if self.kept is None else self.kept
        return (kept + self.rows, *place.shape[1:])

    def kept_part(self, place: StoredTensor) -> StoredTensor:
        """Return where the rows that stay lie."""
        kept = place.shape[0] if self.kept is None else self.kept
        end = place.begin + place.size_bytes // place.shape[0] * kept
        return replace(place, shape=(kept, *place.shape[1:]), end=end)


def tensor_rows(place: StoredTensor) -> npt.NDArray[Any]:
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


def write_grown(
    source: Path, target: Path, grown: Mapping[str, Growth], *, left_out: frozenset[str] = frozenset()
) -> int:
    """Copy a safetensors file with other rows in the named tensors; return the bytes of tensor data.

    All else is copied byte for byte, in the same order, but for the tensors that are left out.
    """
    places, metadata = read_header(source)
    places = [place for place in places if place.name not in left_out]
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for place in places:
        change = grown.get(place.name)
        shape = change.shape(place) if change else place.shape
        size = place.size_bytes // place.shape[0] * shape[0] if change else place.size_bytes
        header[place.name] = {"dtype": place.dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with source.open("rb") as old, target.open("wb") as new:
        new.write(len(text).to_bytes(8, "little") + text)
        for place in places:
            change = grown.get(place.name)
            copy_tensor(old, new, change.kept_part(place) if change else place)
            for piece in change.pieces() if change else ():
                new.write(piece)
        if new.tell() != 8 + len(text) + at:
            raise ValueError(f"{target}: wrote {new.tell():,} bytes where {8 + len(text) + at:,} were announced")
        new.flush()
        os.fsync(new.fileno())
    return at
