"""Where candidates would be used, counted by encoding the corpus with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from hanhua.progress import Progress
from hanhua.vocab_extension.choose import Reached
from hanhua.vocab_extension.count import PretokenTable
from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.tokenizer_json import BpeFile, encode_all

_BATCH = 20_000


@dataclass(frozen=True)
class Usage:
    """By candidate: how often it was formed, and in how many documents at least (counted to 64)."""

    counts: list[int]
    documents: list[int]


def count_usage(file: BpeFile, kept: Sequence[Reached], table: PretokenTable) -> Usage:
    """Count each candidate, where it stays and where it goes on into a longer one."""
    first = file.size
    encoder = extended(file, [reached.token for reached in kept]).pretoken_encoder()
    counts_N = np.zeros(len(kept), dtype=np.int64)
    seen_N = np.zeros(len(kept), dtype=np.uint64)
    words = table.items()
    with Progress("counting candidates", total=len(table), unit="strings") as bar:
        while batch := list(islice(words, _BATCH)):
            encoded = list(encode_all(encoder, (word for word, _, _ in batch)))
            _add(counts_N, seen_N, encoded, batch, first)
            bar.advance(len(batch))
    index = {reached.token: n for n, reached in enumerate(kept)}
    # From the last to the first: a token's own total is complete before it is handed to its two parts.
    for n in range(len(kept) - 1, -1, -1):
        for part in (kept[n].left, kept[n].right):
            if part in index:
                counts_N[index[part]] += counts_N[n]
                seen_N[index[part]] |= seen_N[n]
    return Usage([int(n) for n in counts_N], [int(seen).bit_count() for seen in seen_N])


def _add(
    counts_N: npt.NDArray[np.int64],
    seen_N: npt.NDArray[np.uint64],
    encoded: list[list[int]],
    batch: list[tuple[str, int, int]],
    first: int,
) -> None:
    lengths = np.fromiter((len(ids) for ids in encoded), dtype=np.int64, count=len(encoded))
    ids_T = np.fromiter(chain.from_iterable(encoded), dtype=np.int64, count=int(lengths.sum()))
    new_T = ids_T >= first
    at_T = ids_T[new_T] - first
    np.add.at(counts_N, at_T, np.repeat(np.array([count for _, count, _ in batch]), lengths)[new_T])
    seen = np.array([documents for _, _, documents in batch], dtype=np.uint64)
    np.bitwise_or.at(seen_N, at_T, np.repeat(seen, lengths)[new_T])
