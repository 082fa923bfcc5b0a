"""The weights of a GGUF file as float32, a few rows at a time, by the dequantization of the `gguf` package."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hanhua.base.gguf.header import GgufHeader, GgufTensor
from hanhua.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType

Rows = npt.NDArray[np.float32]
PIECE_VALUES = 1 << 24
"""Values read and dequantized together: 64 MB of float32."""


def check_gguf_installed() -> None:
    """Raise MissingExtra without the `gguf` package."""
    try:
        import gguf  # noqa: F401
    except ImportError:
        raise MissingExtra("a GGUF file as base model", "export") from None


def quantization_of(header: GgufHeader, tensor: GgufTensor) -> GGMLQuantizationType:
    """Return a tensor's quantization; InputError when the installed `gguf` cannot dequantize it."""
    from gguf import GGMLQuantizationType

    kind = {one.value: one for one in GGMLQuantizationType}.get(tensor.type_id)
    if kind is None or not _is_dequantized(kind):
        name = f"number {tensor.type_id}" if kind is None else kind.name
        raise InputError(
            f"{header.path}: {tensor.name} has the quantization {name}, which gguf {metadata.version('gguf')} does "
            "not dequantize; take the file in another quantization (Q8_0, Q6_K, Q4_K_M, F16)"
        )
    return kind


@cache
def _is_dequantized(kind: GGMLQuantizationType) -> bool:
    """Return whether the installed `gguf` dequantizes it; there is no list of those, so one block is tried."""
    from gguf import GGML_QUANT_SIZES
    from gguf.quants import dequantize

    if kind not in GGML_QUANT_SIZES:
        return False
    try:
        dequantize(np.zeros((1, GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
    except NotImplementedError:  # what gguf raises for a kind it has no code for
        return False
    return True


def row_bytes(kind: GGMLQuantizationType, columns: int) -> int:
    """Return the bytes of one row of `columns` values; ValueError when the row is no whole number of blocks."""
    from gguf import GGML_QUANT_SIZES

    block, size = GGML_QUANT_SIZES[kind]
    if columns % block:
        raise ValueError(f"{columns} columns are not a multiple of the {block} of a {kind.name} block")
    return int(columns // block * size)


def check_tensor_data(header: GgufHeader) -> None:
    """Raise InputError when a quantization is unknown, a row is no whole number of blocks, or data is cut off."""
    for tensor in header.tensors.values():
        kind = quantization_of(header, tensor)
        columns = tensor.shape[-1] if tensor.shape else 1
        try:
            end = tensor.begin + math.prod(tensor.shape[:-1]) * row_bytes(kind, columns)
        except ValueError as error:
            raise InputError(f"{header.path}: {tensor.name}: {error}; the file is damaged") from None
        if end > header.size_bytes:
            raise InputError(
                f"{header.path}: cut short: {tensor.name} ends at byte {end:,}, the file at {header.size_bytes:,}; "
                "copy or download it again"
            )


def float_pieces(header: GgufHeader, tensor: GgufTensor, *, rows_together: int = 1) -> Iterator[Rows]:
    """Yield a matrix's rows as float32, shape (rows, columns), in pieces of a multiple of `rows_together` rows.

    A vector is one row. Raises InputError for a value that is not finite.
    """
    from gguf.quants import dequantize

    kind = quantization_of(header, tensor)
    columns = tensor.shape[-1]
    rows, width = math.prod(tensor.shape[:-1]), row_bytes(kind, columns)
    step = max(PIECE_VALUES // columns // rows_together, 1) * rows_together
    with header.path.open("rb") as file:
        for first in range(0, rows, step):
            count = min(step, rows - first)
            file.seek(tensor.begin + first * width)
            raw = np.frombuffer(file.read(count * width), np.uint8).reshape(count, width)
            piece = np.ascontiguousarray(dequantize(raw, kind), np.float32).reshape(count, columns)
            if not np.isfinite(piece).all():
                raise InputError(f"{header.path}: {tensor.name} holds values that are not finite; the file is damaged")
            yield piece


def small_tensor(header: GgufHeader, name: str) -> Rows:
    """Return a small tensor whole and flat."""
    return np.concatenate([piece.ravel() for piece in float_pieces(header, header.tensors[name])])


def quantization_names(header: GgufHeader) -> dict[str, int]:
    """Return how many tensors have which quantization, most first."""
    counts: dict[str, int] = {}
    for tensor in header.tensors.values():
        name = quantization_of(header, tensor).name
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
