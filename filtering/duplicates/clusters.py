"""Clusters of copies, out of files of hashes: sorting keys, never a table of all documents' signatures.

In memory are at most 64 bytes per document (about 40: a key, its place in the sorted order, three numbers of the
clusters, and what sorting needs); signatures and the keys of each band stay on disk.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hanhua.filtering.config import DuplicatesConfig

DIGEST_BYTES = 16
MAX_DOCUMENTS = 2**32 - 2
_BLOCK, _PAIRS = 1 << 14, 1 << 10

Indices = npt.NDArray[np.uint32]
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Clusters:
    """For each document, in input order, by index.

    root: the first of its cluster. equal: the first of those with the same text. kept: the one of its cluster
    that is kept: the longest, in letters; the first of those equally long.
    """

    root: Indices
    equal: Indices
    kept: Indices

    def is_copy(self, index: int) -> bool:
        """Return whether another document of its cluster is kept instead."""
        return int(self.kept[index]) != index

    def reason(self, index: int) -> str:
        """Return what kind of copy a document is of the one that is kept."""
        same = self.equal[index] == self.equal[self.kept[index]]
        return "duplicate.exact" if same else "duplicate.near"

    def copies(self) -> npt.NDArray[np.bool_]:
        """Return a mask of all copies."""
        copies: npt.NDArray[np.bool_] = self.kept != np.arange(len(self.kept), dtype=np.uint32)
        return copies

    def save(self, path: Path) -> None:
        """Write the three arrays into one file, whole or not at all."""
        aside = path.with_name(path.name + ".tmp")
        with aside.open("wb") as file:
            np.save(file, np.stack([self.root, self.equal, self.kept]), allow_pickle=False)
        aside.replace(path)

    @classmethod
    def load(cls, path: Path) -> Clusters:
        """Read what `save` wrote."""
        return cls(*np.load(path, allow_pickle=False))


def find_clusters(config: DuplicatesConfig, *, digests: Path, signatures: Path, letters: Path) -> Clusters:
    """Return the clusters of the documents that the files describe, one after another.

    digests: 16 bytes per document. signatures: MinHash as uint32. letters: uint32 each, by which the best copy is
    chosen. The keys of the bands are written next to the signatures, and removed.
    """
    count = digests.stat().st_size // DIGEST_BYTES
    if count > MAX_DOCUMENTS:
        raise ValueError(f"{count:,} documents; at most {MAX_DOCUMENTS:,} fit one run: filter the corpora in parts")
    equal = _first_of_equals(digests, count) if config.exact else np.arange(count, dtype=np.uint32)
    root = equal.copy()
    if config.near and count:
        _unite_near(config, root, signatures, count)
    return Clusters(root, equal, _best(root, np.fromfile(letters, dtype=np.uint32)))


def _first_of_equals(digests: Path, count: int) -> Indices:
    """Return for each digest the index of its first occurrence."""
    if not count:
        return np.zeros(0, dtype=np.uint32)
    pairs = np.memmap(digests, dtype=np.uint64, mode="r", shape=(count, 2))
    keys = np.ascontiguousarray(pairs[:, 0])
    order = np.argsort(keys, kind="stable")
    first = np.arange(count, dtype=np.uint32)
    for at, head in _equal_keys(keys, order):
        documents, heads = order[at], order[head]
        whole = pairs[documents, 1] == pairs[heads, 1]
        first[documents[whole]] = heads[whole]
    return first


def _equal_keys(keys: Keys, order: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], ...]]:
    """Yield, block by block, places in `order` whose key equals the one before, and the first place with that key."""
    head = 0
    for begin in range(1, len(order), _BLOCK):
        at = np.arange(begin, min(begin + _BLOCK, len(order)))
        new = keys[order[at]] != keys[order[at - 1]]
        heads = np.maximum.accumulate(np.where(new, at, head))
        head = int(heads[-1])
        yield at[~new], heads[~new]


def _unite_near(config: DuplicatesConfig, root: Indices, signatures: Path, count: int) -> None:
    """Unite documents that share a band and have similar signatures: each with the first of them and the one before."""
    width = config.bands * config.rows
    needed = int(np.ceil(config.min_similarity * width))
    bands = _write_band_keys(signatures, config)
    with signatures.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        rows = np.frombuffer(mapped, dtype=np.uint32).reshape(count, width)
        # What was read of a mapped file stays resident, and in the end all of it would be.
        release = partial(mapped.madvise, mmap.MADV_DONTNEED)
        for path in bands:
            keys = np.fromfile(path, dtype=np.uint64)
            path.unlink()
            order = np.argsort(keys, kind="stable")
            for at, head in _equal_keys(keys, order):
                documents = order[at]
                for others in (order[head], order[at - 1]):
                    _unite_pairs(root, rows, documents, others, needed, release=release)
            _flatten(root)
        del rows  # a mapping that is still looked at cannot be closed


def _write_band_keys(signatures: Path, config: DuplicatesConfig) -> list[Path]:
    """Write one file of 64-bit keys per band, reading the signatures once, in blocks."""
    paths = [signatures.with_name(f"band-{band:03}.bin") for band in range(config.bands)]
    width = config.bands * config.rows
    files = [path.open("wb") for path in paths]
    try:
        # Read, not mapped: the pages of a mapped file count as resident.
        with signatures.open("rb") as source:
            while len(block := np.fromfile(source, dtype=np.uint32, count=_BLOCK * width)):
                block = block.reshape(-1, width)
                for band, file in enumerate(files):
                    _band_keys(block[:, band * config.rows : (band + 1) * config.rows]).tofile(file)
    finally:
        for file in files:
            file.close()
    return paths


def _band_keys(columns: npt.NDArray[np.uint32]) -> Keys:
    keys = np.zeros(len(columns), dtype=np.uint64)
    for column in range(columns.shape[1]):
        keys = (keys ^ columns[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys


def _unite_pairs(
    root: Indices,
    rows: npt.NDArray[np.uint32],
    documents: npt.NDArray[np.int64],
    others: npt.NDArray[np.int64],
    needed: int,
    *,
    release: Callable[[], None],
) -> None:
    """Unite those pairs whose signatures agree in enough places; pairs already united are not compared.

    release: called whenever another `_PAIRS` of signatures were read.
    """
    apart = root[documents] != root[others]
    documents, others = documents[apart], others[apart]
    for begin in range(0, len(documents), _PAIRS):
        left, right = documents[begin : begin + _PAIRS], others[begin : begin + _PAIRS]
        alike = np.count_nonzero(rows[left] == rows[right], axis=1) >= needed
        for a, b in zip(left[alike].tolist(), right[alike].tolist(), strict=True):
            first, second = _root(root, a), _root(root, b)
            root[max(first, second)] = min(first, second)
        release()


def _root(root: Indices, index: int) -> int:
    while (parent := int(root[index])) != index:
        root[index] = root[parent]
        index = parent
    return index


def _flatten(root: Indices) -> None:
    """Point every document straight to the first of its cluster."""
    while True:
        changed = False
        for begin in range(0, len(root), _BLOCK):
            block = root[begin : begin + _BLOCK]
            further = root[block]
            changed |= bool((further != block).any())
            root[begin : begin + _BLOCK] = further
        if not changed:
            return


def _best(root: Indices, letters: npt.NDArray[np.uint32]) -> Indices:
    """Return for each document the longest of its cluster, the first among equals."""
    most = np.zeros(len(root), dtype=np.uint32)
    np.maximum.at(most, root, letters)
    kept = np.full(len(root), 2**32 - 1, dtype=np.uint32)
    for begin in range(0, len(root), _BLOCK):
        heads = root[begin : begin + _BLOCK]
        longest = np.flatnonzero(letters[begin : begin + _BLOCK] == most[heads])
        np.minimum.at(kept, heads[longest], (longest + begin).astype(np.uint32))
    return kept[root]
