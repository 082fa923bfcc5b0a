"""Clusters of copies, out of hashes and signatures on disk; the first document of a cluster is the one kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hanhua.filtering.config import DuplicatesConfig

DIGEST_BYTES = 16
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Clusters:
    """For each document, in input order: the first document of its cluster, and of those with the same text."""

    first: Indices
    first_equal: Indices

    def is_copy(self, index: int) -> bool:
        """Return whether an earlier document says the same."""
        return int(self.first[index]) != index

    def reason(self, index: int) -> str:
        """Return what kind of copy a document is."""
        return "duplicate.exact" if int(self.first_equal[index]) != index else "duplicate.near"


def find_clusters(config: DuplicatesConfig, *, digests: Path, signatures: Path) -> Clusters:
    """Return the clusters of the documents whose digests and signatures the files hold one after another.

    Resident: about 50 bytes a document; signatures are mapped, a band at a time.
    """
    pairs = np.fromfile(digests, dtype=np.uint64).reshape(-1, 2)
    count = len(pairs)
    identity = np.arange(count, dtype=np.int64)
    if not count:
        return Clusters(identity, identity)
    first_equal = _first_of_equals(pairs[:, 0] ^ pairs[:, 1]) if config.exact else identity
    parents = first_equal.copy()
    if config.near:
        width = config.bands * config.rows
        rows = np.memmap(signatures, dtype=np.uint32, mode="r", shape=(count, width))
        for band in range(config.bands):
            keys = _band_keys(rows[:, band * config.rows : (band + 1) * config.rows])
            _unite_band(parents, keys, rows, int(np.ceil(config.min_similarity * width)))
        for index in range(count):
            parents[index] = _root(parents, index)
    return Clusters(parents, first_equal)


def _first_of_equals(keys: npt.NDArray[np.uint64]) -> Indices:
    """Return for each key the index of its first occurrence."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def _band_keys(columns: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    keys = np.zeros(len(columns), dtype=np.uint64)
    for column in range(columns.shape[1]):
        keys = (keys ^ columns[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys


def _unite_band(parents: Indices, keys: npt.NDArray[np.uint64], rows: npt.NDArray[np.uint32], min_equal: int) -> None:
    """Unite documents with the same key and similar signatures: each with the first of its group and the one before."""
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order][1:] == keys[order][:-1]) + 1
    head = -1
    for at in same.tolist():
        if head < 0 or keys[order[at]] != keys[order[head]]:
            head = at - 1
        document, before = int(order[at]), int(order[at - 1])
        for other in {int(order[head]), before}:
            a, b = _root(parents, document), _root(parents, other)
            if a != b and np.count_nonzero(rows[document] == rows[other]) >= min_equal:
                parents[max(a, b)] = min(a, b)


def _root(parents: Indices, index: int) -> int:
    while (parent := int(parents[index])) != index:
        parents[index] = parents[parent]
        index = parent
    return index
