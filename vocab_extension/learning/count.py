"""Counts the pre-tokens that hold Han characters, and in which documents each is.

Evidence is counted on what the tokenizer really sees: Llama 3's pattern glues one preceding space or mark
to a run of letters (`，我们`, ` 用户`), and a base token often swallows both.

Shape suffixes: D documents of a batch, W words of all of them, S different ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hanhua.processes import map_in_order
from hanhua.progress import Progress
from hanhua.vocab_extension.learning.conversion import SCRIPTS, Converter, open_converters
from hanhua.vocab_extension.learning.counts import CountFile, PretokenCounts, write_counts
from hanhua.vocab_extension.learning.sources import Batch
from hanhua.vocab_extension.pretokenizer import missing_bytes
from hanhua.vocab_extension.tokenizer_json import load_tokenizer, pattern_splitter, pretoken_splitter, read_bpe_file
from hanhua.zh_text.scripts import HAN

DOCUMENT_BITS = 64
_ALONE = 16
"""Batches that take less time than another process takes to start and load the tokenizer."""
_HAS_HAN = re.compile(f"[{HAN}]")
_HAN_IN_RE2 = f"[{HAN}]"

Counted = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class BatchCounts:
    """The file of one batch; characters: of all the pre-tokens in it, copies included."""

    file: CountFile
    characters: int


@dataclass(frozen=True)
class SourceCounts:
    """The counts of one source."""

    files: list[CountFile]
    characters: int


def count_batches(
    batches: Iterable[Batch], *, sources: int, base: Path, scripts: str, workers: int, scratch: Path
) -> list[SourceCounts]:
    """Count batches in `workers` processes, the first ones in this one, into files below `scratch`.

    Return the counts of each source. scripts: the kind of Chinese to learn (`conversion.SCRIPTS`).
    """
    found: list[list[BatchCounts]] = [[] for _ in range(sources)]
    items = ((batch, (batch, scratch / f"{n:06}.counts")) for n, batch in enumerate(batches))
    count = partial(map_in_order, _count, prepare=_open, arguments=(base, scripts), name="counting")
    alone = islice(items, 1 if SCRIPTS[scripts] else _ALONE)
    with Progress("counting", total=None, unit="characters") as bar:
        for batch, counts in chain(count(alone, workers=1), count(items, workers=workers)):
            found[batch.source].append(counts)
            bar.advance(sum(map(len, batch.texts)))
    return [SourceCounts([b.file for b in counts], sum(b.characters for b in counts)) for counts in found]


@dataclass(frozen=True)
class _Counting:
    split: Callable[[str], Iterable[str]]
    converters: tuple[Converter, ...]


def _open(base: Path, scripts: str) -> _Counting:
    file = read_bpe_file(base)
    split = pattern_splitter(file.data) or pretoken_splitter(load_tokenizer(file.data), file.data)
    missing = missing_bytes(file)
    if not missing:
        return _Counting(split, open_converters(scripts))
    # A pre-token that loses bytes is no longer the text that its tokens are counted in.
    whole = lambda text: (word for word in split(text) if missing.isdisjoint(word.encode()))  # noqa: E731
    return _Counting(whole, open_converters(scripts))


def _count(state: _Counting, task: tuple[Batch, Path]) -> BatchCounts:
    batch, path = task
    counted = count_pretokens(batch, state.split)
    characters = int((pc.utf8_length(counted.strings).to_numpy() * counted.count_S).sum())
    if state.converters:
        converted = counted.as_dict()
        for convert in state.converters:
            converted = convert(converted)
        counted = PretokenCounts.of(converted)
    return BatchCounts(write_counts(path, counted), characters)


def count_pretokens(batch: Batch, split: Callable[[str], Iterable[str]]) -> PretokenCounts:
    """Return the pre-tokens with Han characters of a batch."""
    words: list[str] = []
    words_D = np.zeros(len(batch.texts), dtype=np.int64)
    for n, text in enumerate(batch.texts):
        if _HAS_HAN.search(text):
            before = len(words)
            words += split(text)
            words_D[n] = len(words) - before
    # Columns rather than a dictionary: a number for each different word, counted and gathered by arrays.
    numbered = pa.array(words, type=pa.large_string()).dictionary_encode()
    number_W, different = numbered.indices.to_numpy(), numbered.dictionary
    bit_W = np.repeat(np.uint64(1) << batch.digests_D % np.uint64(DOCUMENT_BITS), words_D)
    documents_S = np.zeros(len(different), dtype=np.uint64)
    np.bitwise_or.at(documents_S, number_W, bit_W)
    count_S = np.bincount(number_W, minlength=len(different))
    kept = np.flatnonzero(pc.match_substring_regex(different, _HAN_IN_RE2).to_numpy(zero_copy_only=False))
    return PretokenCounts(different.take(pa.array(kept)), count_S[kept], documents_S[kept])


def multipliers(counts: list[SourceCounts], weights: list[float], balance: float) -> list[int]:
    """Return what an occurrence in each source weighs, in `UNIT`s.

    A source of n characters gets a share of the whole in proportion to weight × n^(1 − balance): with 0
    every character counts alike, with 1 every source does.
    """
    sizes = np.array([source.characters for source in counts], dtype=np.float64)
    wanted = np.where(sizes > 0, np.power(np.maximum(sizes, 1.0), 1.0 - balance), 0.0) * np.array(weights)
    shares = wanted / max(float(wanted.sum()), 1e-300)
    each = np.divide(shares * sizes.sum(), sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return [int(m) for m in np.maximum(np.rint(each * UNIT), sizes > 0)]


UNIT = 256
"""Weights are whole numbers, an occurrence of weight 1 being this many: sums are then the same in any order."""
