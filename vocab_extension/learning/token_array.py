"""The counted strings as one array of base tokens, what continued BPE works on.

Shape suffixes: T cells, one a base token; S strings, V base vocabulary. Cells that may be in no new token are 0 and cut
the string; one 0 stands between strings and two at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hanhua.processes import map_in_order
from hanhua.progress import Progress
from hanhua.vocab_extension.learning.counts import CountedStrings
from hanhua.vocab_extension.learning.string_encoding import Encoded, KnownEncodings, completed, encode, open_encoding
from hanhua.vocab_extension.learning.symbols import Bools

_BATCH_STRINGS = 50_000
_SMALL_BYTES = 128_000_000


@dataclass(frozen=True)
class TokenArray:
    """symbol_T: the number of each cell's token (`Symbols`). string_T: which string it is in.

    begins_T: whether a word begins with it. words_T: how many words begin before it or inside the cells before it.
    """

    symbol_T: npt.NDArray[np.int32]
    string_T: npt.NDArray[np.int32]
    begins_T: Bools
    words_T: npt.NDArray[np.int32]


def encode_strings(
    counted: CountedStrings,
    *,
    base: Path,
    symbol_V: npt.NDArray[np.int32],
    workers: int,
    known: KnownEncodings | None = None,
) -> TokenArray:
    """Encode every string with the base and mark its words.

    symbol_V: the number of each base token. known: encodings of some of the strings, which are not made again.
    """
    symbols, strings, begins, inside = [], [], [], []
    with Progress("encoding with the base", total=len(counted), unit="strings") as bar:
        for first, part in _encoded(counted, base, workers, known):
            ends = np.cumsum(part.lengths_S)
            symbols.append(np.insert(symbol_V[part.ids_T], ends, 0))
            numbers = np.arange(first, first + len(ends), dtype=np.int32)
            strings.append(np.repeat(numbers, part.lengths_S + 1))
            begins.append(np.insert(part.begins_T, ends, True))
            inside.append(np.insert(part.inside_T, ends, False))
            bar.advance(len(ends))
    symbol_T = _closed(symbols, 0)
    # Of cuts that follow one another one is enough.
    kept_T = np.ones(len(symbol_T), dtype=bool)
    kept_T[1:-1] = (symbol_T[1:-1] != 0) | (symbol_T[:-2] != 0)
    begins_T = _closed(begins, True)[kept_T]
    words_T = np.zeros(len(begins_T) + 1, dtype=np.int32)
    np.cumsum(begins_T.astype(np.int32) + _closed(inside, False)[kept_T], dtype=np.int32, out=words_T[1:])
    return TokenArray(symbol_T[kept_T], _closed(strings, 0)[kept_T], begins_T, words_T)


def _encoded(
    counted: CountedStrings, base: Path, workers: int, known: KnownEncodings | None
) -> Iterator[tuple[int, Encoded]]:
    """Yield the number of the first string of each batch and the batch's encodings."""

    def items() -> Iterator[tuple[tuple[int, npt.NDArray[np.int64] | None], list[str]]]:
        found_S = None if known is None else known.find(counted.hashes)
        for first in range(0, len(counted), _BATCH_STRINGS):
            strings = counted.strings.slice(first, _BATCH_STRINGS)
            if found_S is None:
                yield (first, None), strings.to_pylist()
            else:
                at_S = found_S[first : first + _BATCH_STRINGS]
                yield (first, at_S), strings.filter(pa.array(at_S < 0)).to_pylist()

    # Loading what encodes takes a process longer than encoding a small part.
    workers = workers if counted.strings.nbytes > _SMALL_BYTES else 1
    expected = counted.strings.nbytes // workers
    made = map_in_order(
        encode, items(), prepare=open_encoding, arguments=(base, expected), workers=workers, name="encoding"
    )
    for (first, at_S), others in made:
        yield first, others if known is None or at_S is None else completed(known, at_S, others)


def _closed(parts: list[npt.NDArray[Any]], end: Any) -> npt.NDArray[Any]:
    """Join the parts with one cut before and two after, so that every cell has neighbors; frees the parts."""
    edge = np.full(1, end, dtype=parts[0].dtype if parts else np.int32)
    joined: npt.NDArray[Any] = np.concatenate([edge, *parts, edge, edge])
    parts.clear()
    return joined
