"""What a GGUF file says before its weights: metadata, and where each tensor lies.

The format: magic, version, counts, key and value pairs, tensor infos, padding, data
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). It is read here and not by `gguf.GGUFReader`, which
makes several numpy arrays for every token and fails with an IndexError on a file that is cut short.
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hanhua.errors import InputError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Value types of the specification as characters of `struct`; numpy knows the same ones."""
_MAX_DIMENSIONS = 4
_DEFAULT_ALIGNMENT = 32
_PART_NAME = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


@dataclass(frozen=True)
class GgufTensor:
    """One tensor: quantization as ggml numbers it, shape with rows first, first byte of its data in the file."""

    name: str
    type_id: int
    shape: tuple[int, ...]
    begin: int


@dataclass(frozen=True)
class GgufHeader:
    """metadata: every key with its value in plain Python types. tensors: by name, in the file's order."""

    path: Path
    metadata: dict[str, Any]
    tensors: dict[str, GgufTensor]
    size_bytes: int


def read_gguf_header(path: Path) -> GgufHeader:
    """Return the header of a GGUF file.

    Raises InputError for another format, version or byte order, for one part of several, and for a header that
    is cut short. Whether the data of the tensors is all there is for who knows their quantization.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise InputError(f"{path}: not a GGUF file (it does not begin with {MAGIC.decode()})")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            cursor = _Cursor(path, data, 4)
            _check_version(path, cursor.scalar("I"))
            tensor_count, pair_count = cursor.scalar("Q"), cursor.scalar("Q")
            metadata: dict[str, Any] = {}
            for _ in range(pair_count):
                key = cursor.string()
                metadata[key] = cursor.value(cursor.scalar("I"))
            _check_whole(path, metadata)
            infos = [_tensor_info(cursor) for _ in range(tensor_count)]
            alignment = int(metadata.get("general.alignment", _DEFAULT_ALIGNMENT))
            if alignment < 1:
                raise InputError(f"{path}: general.alignment is {alignment}; the file is damaged, copy it again")
            start = -(-cursor.at // alignment) * alignment
    tensors = {name: GgufTensor(name, kind, shape, start + offset) for name, kind, shape, offset in infos}
    if len(tensors) != tensor_count:
        raise InputError(f"{path}: two tensors of one name; the file is damaged")
    return GgufHeader(path, metadata, tensors, size)


class _Cursor:
    """Reads values of the file one after another."""

    def __init__(self, path: Path, data: mmap.mmap, at: int) -> None:
        self.path, self.data, self.at = path, data, at

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise InputError(
                f"{self.path}: cut short inside its header, at byte {self.at:,} of {len(self.data):,}; copy it again"
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def scalar(self, kind: str) -> Any:
        return struct.unpack("<" + kind, self.take(struct.calcsize("<" + kind)))[0]

    def string(self) -> str:
        raw = self.take(self.scalar("Q"))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise InputError(f"{self.path}: a text at byte {self.at - len(raw):,} is not UTF-8: {raw[:40]!r}") from None

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind != _ARRAY:
            raise InputError(
                f"{self.path}: metadata of the unknown type {kind} at byte {self.at:,}; the file is damaged"
            )
        inner, count = self.scalar("I"), self.scalar("Q")
        if inner in _SCALARS:
            character = _SCALARS[inner]
            return np.frombuffer(self.take(count * struct.calcsize("<" + character)), "<" + character).tolist()
        return [self.value(inner) for _ in range(count)]


def _check_version(path: Path, version: int) -> None:
    if version & 0xFFFF == 0:
        raise InputError(f"{path}: a big-endian GGUF file; convert it with gguf-convert-endian of the package gguf")
    if version not in VERSIONS:
        known = " and ".join(map(str, VERSIONS))
        raise InputError(f"{path}: GGUF version {version}; versions {known} can be read")


def _check_whole(path: Path, metadata: dict[str, Any]) -> None:
    parts = int(metadata.get("split.count", 0))
    named = _PART_NAME.search(path.name)
    if parts <= 1 and named and int(named[2]) > 1 and "split.count" not in metadata:
        parts = int(named[2])
    if parts > 1:
        raise InputError(
            f"{path}: one part of {parts}; join them first: llama-gguf-split --merge FIRST_PART JOINED.gguf"
        )


def _tensor_info(cursor: _Cursor) -> tuple[str, int, tuple[int, ...], int]:
    name = cursor.string()
    dimensions = cursor.scalar("I")
    if dimensions > _MAX_DIMENSIONS:
        raise InputError(f"{cursor.path}: the tensor {name} has {dimensions} dimensions; the file is damaged")
    shape = tuple(cursor.scalar("Q") for _ in range(dimensions))[::-1]
    kind, offset = cursor.scalar("I"), cursor.scalar("Q")
    if math.prod(shape) >= 1 << 63:
        raise InputError(f"{cursor.path}: the tensor {name} has the shape {shape}; the file is damaged")
    return name, kind, shape, offset
