"""Counted strings on disk and in memory: written sorted by hash, summed over any number of files in bounded memory.

A file of counts is an Arrow table of `hash`, `string`, `count` and `documents`, sorted by the 64-bit hash. Files
are summed one range of hashes at a time, so that neither their number nor their order changes the result.
Two strings of one hash would be taken for one; among 10^8 strings that happens with a chance of 1 in 3,700.

Shape suffixes: S strings, R sources (beyond some, several in one column).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from hanhua.vocab_extension.learning.string_hashes import hashes_of

_ROWS_AT_ONCE = 2_000_000
_HASHES = 1 << 64
_COLUMNS = ("hash", "weight", "count", "documents", "listed", "source")
_MOST_SOURCES = 16

Ints = npt.NDArray[np.int64]
Sets = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class CountFile:
    """One file of counts.

    multiplier: what each of its counts weighs. occurs: whether its counts are occurrences in texts, rather
    than the frequencies of a dictionary. source: the number of the source that it is of.
    """

    path: Path
    rows: int
    multiplier: int = 1
    occurs: bool = True
    source: int = 0


@dataclass(frozen=True)
class CountedStrings:
    """S different strings, sorted by hash.

    weight_S: the sum of count × multiplier. count_S: occurrences in texts. documents_S: the texts a string is in,
    as a set of 64 bits, each document one of them by its hash: never more bits than documents. listed_S: whether
    a dictionary has the string. sampled: strings that were left out, each standing behind one that was kept.
    weight_RS: what of the weight each source brings, where that is wanted.
    """

    strings: Any
    weight_S: Ints
    count_S: Ints
    documents_S: Sets
    listed_S: npt.NDArray[np.bool_]
    sampled: int = 0
    weight_RS: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.weight_S)

    @cached_property
    def hashes(self) -> Sets:
        """The hash of each string."""
        return hashes_of(self.strings)


@dataclass(frozen=True)
class PretokenCounts:
    """S different strings with how often each is there, and in which documents."""

    strings: Any
    count_S: Ints
    documents_S: Sets

    @classmethod
    def of(cls, counted: Mapping[str, tuple[int, int]]) -> PretokenCounts:
        """Return (count, document set) by string as columns."""
        rows = np.array(list(counted.values()), dtype=np.uint64).reshape(-1, 2)
        return cls(pa.array(list(counted), type=pa.large_string()), rows[:, 0].astype(np.int64), rows[:, 1])

    def as_dict(self) -> dict[str, tuple[int, int]]:
        """Return (count, document set) by string."""
        rows = zip(self.count_S.tolist(), self.documents_S.tolist(), strict=True)
        return dict(zip(self.strings.to_pylist(), rows, strict=True))


def write_counts(path: Path, counted: PretokenCounts) -> CountFile:
    """Write strings with their counts and documents."""
    hashes = hashes_of(counted.strings)
    order = np.argsort(hashes)
    strings = counted.strings.take(pa.array(order))
    rows = write_table(path, hashes[order], strings, counted.count_S[order], counted.documents_S[order])
    return CountFile(path, rows)


def write_table(path: Path, hash_S: Sets, strings: Any, count_S: Ints, documents_S: Sets) -> int:
    """Write strings that are in the order of their hashes; return how many."""
    table = pa.table({"hash": hash_S, "string": strings, "count": count_S, "documents": documents_S})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return len(count_S)


def sum_counts(files: list[CountFile], *, max_strings: int, by_source: bool = False) -> CountedStrings:
    """Sum files of counts; beyond `max_strings` different strings, by threshold sampling. by_source: each source too.

    A string of weight w is then kept with the probability min(1, w / τ), decided by its hash, and weighs max(w, τ),
    which leaves the expected weight of every part of the corpus what it was (Duffield, Lund, Thorup: "Learn
    more, sample less", IEEE Trans. Inf. Theory 2005). Keeping the commonest instead would keep the boilerplate.
    """
    if not files:
        nothing = {name: np.zeros(0, dtype=np.int64) for name in _COLUMNS}
        return _grouped(nothing, pa.array([], type=pa.large_string()), 0)
    ranges = max(1, -(-sum(file.rows for file in files) // _ROWS_AT_ONCE))
    sources = min(1 + max(file.source for file in files), _MOST_SOURCES) if by_source else 0
    parts = [_summed(files, n, ranges, strings=False) for n in range(ranges)]
    total = sum(map(len, parts))
    threshold = _threshold(np.concatenate([part.weight_S for part in parts]), max_strings)
    if threshold:
        parts = [_sampled(_summed(files, n, ranges, sources, strings=True), threshold) for n in range(ranges)]
    else:
        parts = [_summed(files, n, ranges, sources, strings=True) for n in range(ranges)]
    kept = sum(map(len, parts))
    return CountedStrings(
        pa.concat_arrays([part.strings for part in parts]),
        np.concatenate([part.weight_S for part in parts]),
        np.concatenate([part.count_S for part in parts]),
        np.concatenate([part.documents_S for part in parts]),
        np.concatenate([part.listed_S for part in parts]),
        sampled=total - kept,
        weight_RS=np.concatenate([part.weight_RS for part in parts if part.weight_RS is not None], axis=1)
        if sources
        else None,
    )


def _summed(files: list[CountFile], number: int, ranges: int, sources: int = 0, *, strings: bool) -> CountedStrings:
    """Sum one of `ranges` equal ranges of hashes; sources: into how many columns those of texts go besides."""
    first, last = number * _HASHES // ranges, (number + 1) * _HASHES // ranges - 1
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    texts = [pa.array([], type=pa.large_string())]
    for file in files:
        table = pa.ipc.open_file(pa.memory_map(str(file.path))).read_all()
        hashes = table["hash"].to_numpy()
        begin = int(np.searchsorted(hashes, np.uint64(first), side="left"))
        end = int(np.searchsorted(hashes, np.uint64(last), side="right"))
        part = table.slice(begin, end - begin)
        counts = part["count"].to_numpy()
        columns["hash"].append(hashes[begin:end])
        columns["weight"].append(counts * file.multiplier)
        columns["count"].append(counts * file.occurs)
        columns["documents"].append(part["documents"].to_numpy() * np.uint64(file.occurs))
        columns["listed"].append(np.full(end - begin, not file.occurs))
        columns["source"].append(np.full(end - begin, file.source % sources if sources and file.occurs else -1))
        if strings:
            texts.append(part["string"].combine_chunks())
    return _grouped({name: np.concatenate(found) for name, found in columns.items()}, pa.concat_arrays(texts), sources)


def _grouped(columns: dict[str, Any], texts: Any, sources: int) -> CountedStrings:
    order = np.argsort(columns["hash"], kind="stable")
    hashes = columns["hash"][order]
    if not len(hashes):
        empty = np.zeros(0, dtype=np.int64)
        none_RS = np.zeros((sources, 0), dtype=np.float32) if sources else None
        return CountedStrings(texts, empty, empty, empty.astype(np.uint64), empty.astype(bool), weight_RS=none_RS)
    begins = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1])))
    return CountedStrings(
        texts.take(pa.array(order[begins])) if len(texts) else texts,
        np.add.reduceat(columns["weight"][order], begins),
        np.add.reduceat(columns["count"][order], begins),
        np.bitwise_or.reduceat(columns["documents"][order], begins),
        np.logical_or.reduceat(columns["listed"][order], begins),
        weight_RS=_by_source(columns, order, begins, sources) if sources else None,
    )


def _by_source(columns: dict[str, Any], order: Ints, begins: Ints, sources: int) -> npt.NDArray[np.float32]:
    """Return the weight of each string in each source; order: the rows string by string, beginning at `begins`."""
    source, weight = columns["source"][order], columns["weight"][order]
    cell = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(order)))) + source * len(begins)
    from_texts = source >= 0
    sums = np.bincount(cell[from_texts], weights=weight[from_texts], minlength=len(begins) * sources)
    return sums.reshape(sources, -1).astype(np.float32)


def _threshold(weight_S: Ints, max_strings: int) -> int:
    """Return the least τ at which at most `max_strings` strings are kept on average; 0 when all fit."""
    if len(weight_S) <= max_strings:
        return 0
    values, numbers = np.unique(weight_S, return_counts=True)
    low, high = 1, int(weight_S.sum() // max_strings) + 1
    while low < high:
        middle = (low + high) // 2
        if float((np.minimum(1.0, values / middle) * numbers).sum()) <= max_strings:
            high = middle
        else:
            low = middle + 1
    return low


def _sampled(part: CountedStrings, threshold: int) -> CountedStrings:
    # The strings' own hashes chose the range they are in, so another one decides here.
    chances = np.fromiter(
        (xxhash.xxh3_64_intdigest(string.as_py().encode(), seed=1) for string in part.strings),
        dtype=np.uint64,
        count=len(part),
    )
    kept = chances / float(_HASHES) < part.weight_S / threshold
    weight_S = np.maximum(part.weight_S[kept], threshold)
    grown_S = (weight_S / part.weight_S[kept]).astype(np.float32)
    return CountedStrings(
        part.strings.filter(pa.array(kept)),
        weight_S,
        part.count_S[kept],
        part.documents_S[kept],
        part.listed_S[kept],
        weight_RS=None if part.weight_RS is None else part.weight_RS[:, kept] * grown_S,
    )
