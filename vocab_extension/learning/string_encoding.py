"""Strings encoded with the base, and where their words begin: what the array of base tokens is made of.

Shape suffixes: T cells, one a base token; S strings; K strings whose encoding is known; V base vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from hanhua.vocab_extension.learning.narrow_encoder import NarrowEncoder
from hanhua.vocab_extension.learning.string_hashes import Hashes
from hanhua.vocab_extension.learning.symbols import Bools, Ints
from hanhua.vocab_extension.tokenizer_json import read_bpe_file
from hanhua.zh_text.segmentation import segment

_LINE_BREAK = 10
Cell = TypeVar("Cell", np.int32, np.bool_)


@dataclass(frozen=True)
class Encoded:
    """Strings as base tokens. lengths_S: tokens of each. begins_T: a word begins with it; inside_T: inside it."""

    ids_T: npt.NDArray[np.int32]
    lengths_S: npt.NDArray[np.int32]
    begins_T: Bools
    inside_T: Bools


@dataclass(frozen=True)
class Encoding:
    """What encodes, opened once a process. bytes_V: how many bytes each base token has."""

    encoder: NarrowEncoder
    bytes_V: Ints


@dataclass(frozen=True)
class KnownEncodings:
    """Encodings that need not be made again. hash_K: of each string, ascending; encoded: in that order."""

    hash_K: Hashes
    encoded: Encoded

    def find(self, hash_S: Hashes) -> npt.NDArray[np.int64]:
        """Return the number of each string, by its hash, among the known ones, -1 for one that is not."""
        if not len(self.hash_K):
            return np.full(len(hash_S), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.hash_K, hash_S), len(self.hash_K) - 1)
        return np.where(self.hash_K[at] == hash_S, at, -1)


def completed(known: KnownEncodings, at_S: npt.NDArray[np.int64], others: Encoded) -> Encoded:
    """Return the encodings of strings of which some are known, at `at_S`, and the `others` were made, in order."""
    is_known = at_S >= 0
    lengths_S = np.empty(len(at_S), dtype=np.int32)
    lengths_S[is_known] = known.encoded.lengths_S[at_S[is_known]]
    lengths_S[~is_known] = others.lengths_S
    begin_K = np.cumsum(known.encoded.lengths_S) - known.encoded.lengths_S
    begin_S = np.empty(len(at_S), dtype=np.int64)
    begin_S[is_known] = begin_K[at_S[is_known]]
    begin_S[~is_known] = len(known.encoded.ids_T) + np.cumsum(others.lengths_S) - others.lengths_S
    first_S = np.cumsum(lengths_S) - lengths_S
    cells = np.repeat(begin_S - first_S, lengths_S) + np.arange(int(lengths_S.sum()))
    return Encoded(
        _taken(known.encoded.ids_T, others.ids_T, cells),
        lengths_S,
        _taken(known.encoded.begins_T, others.begins_T, cells),
        _taken(known.encoded.inside_T, others.inside_T, cells),
    )


def _taken(known: npt.NDArray[Cell], others: npt.NDArray[Cell], cells: Ints) -> npt.NDArray[Cell]:
    """Return cells of the known array, or of the one that follows it in number."""
    made = cells >= len(known)
    found = np.empty(len(cells), dtype=known.dtype)
    found[~made] = known[cells[~made]]
    found[made] = others[cells[made] - len(known)]
    return found


def open_encoding(base: Path, expected_bytes: int | None = None) -> Encoding:
    """Return what encodes strings with the tokenizer of a folder; expected_bytes: of all of them."""
    file = read_bpe_file(base)
    bytes_V = np.zeros(file.size, dtype=np.int64)
    for id_, data in file.bytes_of.items():
        bytes_V[id_] = len(data)
    return Encoding(NarrowEncoder(file, expected_bytes=expected_bytes), bytes_V)


def encode(state: Encoding, strings: list[str]) -> Encoded:
    """Return the encodings of strings, each of them one pre-token."""
    if not strings:
        nothing = np.zeros(0, dtype=np.int32)
        return Encoded(nothing, nothing, nothing.astype(bool), nothing.astype(bool))
    rows = state.encoder.encode(strings)
    ids_T, lengths_S = rows.ids_T.astype(np.int32), rows.lengths.astype(np.int32)
    word_begins = _word_begins(strings)
    # Each string is followed by a line break, so the bytes of the n-th stand n further on.
    end_T = np.cumsum(state.bytes_V[ids_T]) + np.repeat(np.arange(len(strings)), lengths_S)
    begin_T = end_T - state.bytes_V[ids_T]
    before = np.concatenate(([0], np.cumsum(word_begins)))
    return Encoded(ids_T, lengths_S, word_begins[begin_T], before[end_T] > before[begin_T + 1])


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
