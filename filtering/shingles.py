"""Hashes of character n-grams, vectorized; and the MinHash signature made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from hanhua.zh_text.folding import Codes

Hashes = npt.NDArray[np.uint64]

# Odd 64-bit constants: the golden ratio, and the finalizer of moremur (Pelle Evensen).
_BASE = 0x9E3779B97F4A7C15
_MIX = (np.uint64(0x3C79AC492BA7B653), np.uint64(0x1C69B3F74AC4AE35))
_SEED = 7

SHINGLE = 5
"""Characters of the n-grams that several rules share."""


def hash_ngrams(codes: Codes, n: int) -> Hashes:
    """Return a 64-bit hash of each run of `n` code points; of the whole when it is shorter; none for none.

    A polynomial over 2^64, doubled in width as long as it fits, so a 13-gram costs five steps, not twelve.
    """
    wide = codes.astype(np.uint64)
    if len(wide) == 0:
        return wide
    n = min(n, len(wide))
    result: Hashes | None = None
    done, power, block = 0, 1, wide
    while True:
        if n & power:
            piece = block[done : done + len(wide) - n + 1]
            factor = np.uint64(pow(_BASE, power, 1 << 64))
            result = piece.copy() if result is None else result * factor + piece
            done += power
        if done == n:
            break
        block = block[: len(block) - power] * np.uint64(pow(_BASE, power, 1 << 64)) + block[power:]
        power *= 2
    assert result is not None
    return _mix(result)


def hash_ngrams_of_each(codes: Codes, bounds: Sequence[tuple[int, int]], n: int) -> list[Hashes]:
    """Return `hash_ngrams` of each [begin, end) of an array, hashed in one go."""
    hashes = hash_ngrams(codes, n)
    return [
        hashes[begin : end - n + 1] if end - begin >= n else hash_ngrams(codes[begin:end], n) for begin, end in bounds
    ]


def _mix(hashes: Hashes) -> Hashes:
    hashes ^= hashes >> np.uint64(27)
    hashes *= _MIX[0]
    hashes ^= hashes >> np.uint64(33)
    hashes *= _MIX[1]
    hashes ^= hashes >> np.uint64(27)
    return hashes


def widen(shingles: Hashes) -> Hashes:
    """Return hashes of 13-grams out of those of 5-grams: characters 1–5, 5–9 and 9–13 of each."""
    if len(shingles) <= 2 * (SHINGLE - 1):
        return shingles
    first, second, third = shingles[:-8], shingles[4:-4], shingles[8:]
    wide: Hashes = (first * np.uint64(_BASE) + second) * _MIX[0] + third * _MIX[1]
    return wide


def widen_each(shingles: Sequence[Hashes]) -> list[Hashes]:
    """Return `widen` of each, in one go."""
    ends = np.cumsum(list(map(len, shingles))).tolist()
    wide, lost = widen(np.concatenate(shingles)), 2 * (SHINGLE - 1)
    return [
        wide[end - len(one) : end - lost] if len(one) > lost else one for one, end in zip(shingles, ends, strict=True)
    ]


def signatures(shingles: Sequence[Hashes], *, hashes: int) -> list[bytes]:
    """Return the MinHash signature, uint32 each, of each set of shingles.

    Each of its `hashes` numbers is equal in two texts with the probability of their Jaccard similarity; all are 0 of
    an empty set.
    """
    ends = np.cumsum([0, *map(len, shingles)]).tolist()
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(shingles), ends, hashes, _SEED)
    rows = np.array(matrix.to_rows(), dtype=np.uint32)
    rows[np.diff(ends) == 0] = 0
    return [row.tobytes() for row in rows]
