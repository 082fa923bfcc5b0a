"""The counted strings as one array of base tokens, what continued BPE works on.

Shape suffixes: T cells, one a base token; S strings, V base vocabulary. Cells that may be in no new token are 0 and cut
the string; one 0 stands between strings and two at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from hanhua.processes import map_in_order
from hanhua.progress import Progress
from hanhua.vocab_extension.learning.counts import CountedStrings, batches_of
from hanhua.vocab_extension.learning.symbols import Bools, Ints
from hanhua.vocab_extension.tokenizer_json import read_bpe_file
from hanhua.zh_text.segmentation import segment

_BATCH_STRINGS = 50_000
_LINE_BREAK = 10


@dataclass(frozen=True)
class TokenArray:
    """symbol_T: the number of each cell's token (`Symbols`). string_T: which string it is in.

    begins_T: whether a word begins with it. words_T: how many words begin before it or inside the cells before it.
    """

    symbol_T: npt.NDArray[np.int32]
    string_T: npt.NDArray[np.int32]
    begins_T: Bools
    words_T: npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Encoded:
    ids_T: npt.NDArray[np.int32]
    lengths_S: npt.NDArray[np.int32]
    begins_T: Bools
    inside_T: Bools


@dataclass(frozen=True)
class _Encoding:
    encoder: Tokenizer
    bytes_V: Ints


def encode_strings(counted: CountedStrings, *, base: Path, symbol_V: npt.NDArray[np.int32], workers: int) -> TokenArray:
    """Encode every string with the base and mark its words; symbol_V: the number of each base token."""
    symbols, strings, begins, inside = [], [], [], []
    items = batches_of(counted, _BATCH_STRINGS)
    with Progress("encoding with the base", total=len(counted), unit="strings") as bar:
        for first, part in map_in_order(
            _encode, items, prepare=_open, arguments=(base,), workers=workers, name="encoding"
        ):
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


def _closed(parts: list[npt.NDArray[Any]], end: Any) -> npt.NDArray[Any]:
    """Join the parts with one cut before and two after, so that every cell has neighbors; frees the parts."""
    edge = np.full(1, end, dtype=parts[0].dtype if parts else np.int32)
    joined: npt.NDArray[Any] = np.concatenate([edge, *parts, edge, edge])
    parts.clear()
    return joined


def _open(base: Path) -> _Encoding:
    file = read_bpe_file(base)
    bytes_V = np.zeros(file.size, dtype=np.int64)
    for id_, data in file.bytes_of.items():
        bytes_V[id_] = len(data)
    return _Encoding(file.pretoken_encoder(), bytes_V)


def _encode(state: _Encoding, strings: list[str]) -> _Encoded:
    encodings = state.encoder.encode_batch_fast(strings, add_special_tokens=False)
    lengths_S = np.fromiter(map(len, encodings), dtype=np.int32, count=len(encodings))
    ids_T = np.concatenate([np.array(encoding.ids, dtype=np.int32) for encoding in encodings])
    word_begins = _word_begins(strings)
    # Each string is followed by a line break, so the bytes of the n-th stand n further on.
    end_T = np.cumsum(state.bytes_V[ids_T]) + np.repeat(np.arange(len(strings)), lengths_S)
    begin_T = end_T - state.bytes_V[ids_T]
    before = np.concatenate(([0], np.cumsum(word_begins)))
    return _Encoded(ids_T, lengths_S, word_begins[begin_T], before[end_T] > before[begin_T + 1])


def _word_begins(strings: list[str]) -> Bools:
    """Return for each byte of the strings, a line break after each, whether a word begins there."""
    joined = "\n".join(strings) + "\n"
    words = segment(joined, engine="rjieba", new_words=False)
    code_points = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    sizes = 1 + (code_points >= 0x80).astype(np.int64) + (code_points >= 0x800) + (code_points >= 0x10000)
    byte_at = np.concatenate(([0], np.cumsum(sizes)))
    begins = np.zeros(byte_at[-1] + 1, dtype=bool)
    begins[0] = True
    begins[byte_at[np.cumsum(np.fromiter(map(len, words), dtype=np.int64, count=len(words)))]] = True
    breaks = np.flatnonzero(code_points == _LINE_BREAK)
    begins[byte_at[breaks]] = begins[byte_at[breaks + 1]] = True
    # A mark belongs to the word it is glued to: ` 用户` is a part of ` 用户名`, and reaches into no other word.
    lengths = np.fromiter(map(len, strings), dtype=np.int64, count=len(strings))
    firsts = np.cumsum(lengths + 1) - lengths - 1
    marked = firsts[np.fromiter((not string[:1].isalnum() for string in strings), dtype=bool, count=len(strings))]
    begins[byte_at[marked + 1]] = False
    return begins
