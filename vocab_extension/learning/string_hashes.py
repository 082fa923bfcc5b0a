"""A 64-bit hash of each of many strings at once, from the bytes of an Arrow array.

The hash of a string is that of its bytes as a polynomial, b₁F + b₂F² + …, each byte standing for a random number: sums
up to each byte give that of any piece, and so no string is taken out of the array. The same bytes have the same hash in
any array, on any machine.

Shape suffixes: S strings, B bytes of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]

_FACTOR = 0x9E3779B97F4A7C15
_BITS = 64
_AT_ONCE = 50_000
"""Strings: the arrays of their bytes then stay in the processor's cache."""


def hashes_of(strings: Any) -> Hashes:
    """Return the hash of each string of an Arrow array, or of a list."""
    array = strings if isinstance(strings, pa.Array) else pa.array(strings, type=pa.large_string())
    array = array.cast(pa.large_string())
    parts = [_hashes(array.slice(begin, _AT_ONCE)) for begin in range(0, len(array), _AT_ONCE)]
    return np.concatenate([np.zeros(0, dtype=np.uint64), *parts])


def bytes_of(strings: Any) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the bytes of a large_string array and where each string ends among them, a 0 before the first."""
    _, offsets, data = strings.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[strings.offset : strings.offset + len(strings) + 1]
    data_B = np.frombuffer(data, dtype=np.uint8) if data else np.zeros(0, dtype=np.uint8)
    return data_B[ends[0] : ends[-1]], ends - ends[0]


def _hashes(strings: Any) -> Hashes:
    data_B, ends = bytes_of(strings)
    powers, inverses, number_of_byte = _tables(len(data_B).bit_length())
    sums = np.zeros(len(data_B) + 1, dtype=np.uint64)
    np.cumsum(number_of_byte[data_B] * powers[: len(data_B)], out=sums[1:])
    hash_S = (sums[ends[1:]] - sums[ends[:-1]]) * inverses[ends[:-1]]
    return _mixed(hash_S)


def _mixed(values: Hashes) -> Hashes:
    """Let every bit depend on every other one (the last steps of SplitMix64)."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = values ^ values >> np.uint64(31)
    return mixed


@lru_cache(maxsize=4)
def _tables(bits: int) -> tuple[Hashes, Hashes, Hashes]:
    """Return the powers of the factor and of its inverse, for so many bytes, and the number of each byte."""
    powers, inverses = (
        np.multiply.accumulate(np.full((1 << bits) + 1, factor, dtype=np.uint64))
        for factor in (_FACTOR, pow(_FACTOR, -1, 1 << _BITS))
    )
    return powers, inverses, _mixed(np.arange(1, 257, dtype=np.uint64) * np.uint64(_FACTOR))
