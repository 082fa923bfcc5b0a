"""Which document of a Corpus a new text is a near copy of, by the same signatures as the filter's own duplicates."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.filtering.config import DuplicatesConfig
from hanhua.filtering.shingles import hash_ngrams, signatures
from hanhua.zh_text.folding import folded_codes

Signature = npt.NDArray[np.uint32]
ALGORITHM = "corpus-copies-1"
"""Raised when the same limits find other copies; part of the key of every synthesis."""


class CopiesInCorpus:
    """The signatures of documents, by band: 0.45 kB and 28 short keys per document."""

    def __init__(self, documents: Iterable[tuple[str, str]], limits: DuplicatesConfig) -> None:
        self._limits = limits
        self._ids: list[str] = []
        signatures: list[Signature] = []
        for identity, text in documents:
            self._ids.append(identity)
            signatures.append(self._signature(text))
        width = limits.bands * limits.rows
        self._signatures = np.array(signatures, dtype=np.uint32).reshape(len(signatures), width)
        keys = [self._band(self._signatures, band) for band in range(limits.bands)]
        self._orders = [np.argsort(one, kind="stable") for one in keys]
        self._keys = [one[order] for one, order in zip(keys, self._orders, strict=True)]

    def copy_of(self, text: str) -> str | None:
        """Return the id of the document that is most like the text, None where none is a near copy."""
        mine = self._signature(text)
        near: set[int] = set()
        for band, (keys, order) in enumerate(zip(self._keys, self._orders, strict=True)):
            key = self._band(mine[None, :], band)[0]
            low, high = np.searchsorted(keys, key, side="left"), np.searchsorted(keys, key, side="right")
            near.update(order[low:high].tolist())
        alike = {number: float((self._signatures[number] == mine).mean()) for number in sorted(near)}
        best = max(alike, key=lambda number: alike[number], default=None)
        return self._ids[best] if best is not None and alike[best] >= self._limits.min_similarity else None

    def _signature(self, text: str) -> Signature:
        grams = hash_ngrams(folded_codes(text), self._limits.shingle_characters)
        (found,) = signatures([grams], hashes=self._limits.bands * self._limits.rows)
        return np.frombuffer(found, dtype=np.uint32)

    def _band(self, signatures: Signature, band: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        """Return one number per signature for a band; equal bands have equal numbers."""
        columns = signatures[:, band * self._limits.rows : (band + 1) * self._limits.rows].astype(np.uint64)
        key = np.zeros(len(columns), dtype=np.uint64)
        for column in columns.T:
            key = key * np.uint64(0x9E3779B97F4A7C15) + column
        return key


class CorpusCopies:
    """Makes finders of near copies with the filter's default limits."""

    fingerprint = fingerprint([ALGORITHM, DuplicatesConfig().model_dump()])

    def of(self, documents: Iterable[tuple[str, str]]) -> CopiesInCorpus:
        """Return a finder of near copies of these documents, each of (id, text)."""
        return CopiesInCorpus(documents, DuplicatesConfig())
