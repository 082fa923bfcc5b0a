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
from hanhua.vocab_extension.learning.symbols import CUT, Bools

_BATCH_STRINGS = 50_000
_SMALL_BYTES = 128_000_000


@dataclass(frozen=True)
class TokenArray:
    """symbol_T: the number of each cell's token (`Symbols`). string_T: which string it is in.

    begins_T: whether a word begins with it. words_T: how many words begin before it or inside the cells before it,
    modulo 65,536: how many there are between two cells of a token is their difference.
    """

    symbol_T: npt.NDArray[np.int32]
    string_T: npt.NDArray[np.int32]
    begins_T: Bools
    words_T: npt.NDArray[np.uint16]


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
    parts: list[_Cells] = []
    with Progress("encoding with the base", total=len(counted), unit="strings") as bar:
        for first, part in _encoded(counted, base, workers, known):
            parts.append(_with_cuts(part, first, symbol_V))
            bar.advance(len(part.lengths_S))
    symbols, strings, begins, words = (list(columns) for columns in zip(*parts, strict=True)) if parts else ([],) * 4
    parts.clear()
    begins_T = _closed(begins, True)
    words_T = np.zeros(len(begins_T) + 1, dtype=np.uint16)
    np.cumsum(_closed(words, np.int8(1)), dtype=np.uint16, out=words_T[1:])
    return TokenArray(_closed(symbols, 0), _closed(strings, 0), begins_T, words_T)


_Cells = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Bools, npt.NDArray[np.int8]]


def _with_cuts(part: Encoded, first: int, symbol_V: npt.NDArray[np.int32]) -> _Cells:
    """Return symbol, string, whether a word begins and how many do, of each token and of a cut after each string.

    first: the number of the batch's first string.
    """
    number = len(part.lengths_S)
    place_T = np.arange(len(part.ids_T)) + np.repeat(np.arange(number), part.lengths_S)
    symbols = np.zeros(len(place_T) + number, dtype=np.int32)
    symbols[place_T] = symbol_V.take(part.ids_T)
    begins = np.ones(len(symbols), dtype=bool)
    begins[place_T] = part.begins_T
    words = begins.astype(np.int8)
    words[place_T] += part.inside_T
    strings = np.repeat(np.arange(first, first + number, dtype=np.int32), part.lengths_S + 1)
    # Of cuts that follow one another one is enough; there is one before the first token.
    kept = symbols != CUT
    kept[1:] |= symbols[:-1] != CUT
    numbers = np.flatnonzero(kept)
    return symbols.take(numbers), strings.take(numbers), begins.take(numbers), words.take(numbers)


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
    """Join the parts with one cut before and one after, so that every cell has neighbors; frees the parts."""
    edge = np.full(1, end, dtype=parts[0].dtype if parts else np.int32)
    joined: npt.NDArray[Any] = np.concatenate([edge, *parts, edge])
    parts.clear()
    return joined
