"""The dictionary as the base sees it, made once for each base and kept: no corpus changes a word or its encoding.

700,000 strings (both scripts, with and without a space before them) are found, converted and encoded in half a minute;
from the user's cache they come in a second. The name of the file says all it depends on.

Shape suffixes: K words, L lists of words, S words as strings, T cells, one a base token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hanhua.artifacts.code_closure import closure_hashes
from hanhua.artifacts.files import sha256_of
from hanhua.artifacts.manifest import library_versions
from hanhua.packaged_tokenizers import PACKAGED
from hanhua.user_cache import cached_file, keep_file, read_arrays
from hanhua.vocab_extension.learning.count import UNIT
from hanhua.vocab_extension.learning.counts import CountFile, write_table
from hanhua.vocab_extension.learning.dictionary import ALL_DOCUMENTS, dictionary_words
from hanhua.vocab_extension.learning.string_encoding import (
    Encoded,
    KnownEncodings,
    encode,
    open_encoding,
)
from hanhua.vocab_extension.learning.string_hashes import hashes_of
from hanhua.vocab_extension.tokenizer_json import BpeFile

ALGORITHM = "kept-dictionary-3"
"""Raised when the arrays are written otherwise; what the code makes of dictionary and base is told by its hashes."""
CODE = (
    "hanhua.vocab_extension.learning.dictionary:dictionary_words",
    "hanhua.vocab_extension.learning.string_encoding:encode",
)
LIBRARIES = ("jieba", "rjieba", "opencc", "tokenizers", "fastokens", *sorted({p.package for p in PACKAGED.values()}))
MOST_KEPT = 6
"""Of some 35 MB each."""
_LEAST_TELLING = 0.05
"""Share of a list's characters in words that are several base tokens, below which it tells nothing that is new."""
_BATCH_STRINGS = 50_000
_ARRAYS = ("hash_K", "frequency_LK", "spaced_K", "ids_T", "lengths_S", "begins_T", "inside_T")


@dataclass(frozen=True)
class KeptDictionary:
    """K words in the order of their hashes. lists: the names of L lists, frequency_LK: what each says of each word.

    spaced_K: whether a space stands before.
    """

    strings: Any
    lists: tuple[str, ...]
    frequency_LK: npt.NDArray[np.int64]
    spaced_K: npt.NDArray[np.bool_]
    known: KnownEncodings


def kept_dictionary(base: BpeFile, lists: Sequence[str], *, scripts: str, spaced: bool) -> KeptDictionary:
    """Return the words of some lists for a base, from the cache if they are there, else made and put there.

    spaced: whether the words the base cuts otherwise behind a space are wanted with it too.
    """
    lists = tuple(sorted(lists))
    place = _place_of(base, lists, scripts, spaced)
    found = _load(place, lists)
    if found is not None:
        return found
    made = _made(base, lists, scripts, spaced)
    keep_file(place, partial(_write, made), most=MOST_KEPT)
    return made


def _place_of(base: BpeFile, lists: tuple[str, ...], scripts: str, spaced: bool) -> Path:
    code = [closure_hashes(function) for function in CODE]
    decides = [ALGORITHM, sha256_of(base.place), lists, scripts, spaced, library_versions(LIBRARIES), code]
    return cached_file("dictionary", decides, suffix=".npz")


def _made(base: BpeFile, lists: tuple[str, ...], scripts: str, spaced: bool) -> KeptDictionary:
    words = dictionary_words(lists, scripts=scripts, base=base if spaced else None)
    strings = list(words)
    hash_K = hashes_of(strings)
    order = np.argsort(hash_K, kind="stable").tolist()
    strings = [strings[n] for n in order]
    state = open_encoding(base.place.parent, sum(map(len, strings)) * 3)
    batches = [strings[n : n + _BATCH_STRINGS] for n in range(0, len(strings), _BATCH_STRINGS)]
    parts = [encode(state, batch) for batch in batches]
    return KeptDictionary(
        pa.array(strings, type=pa.large_string()),
        lists,
        np.array([words[string][0] for string in strings], dtype=np.int64).T,
        np.array([words[string][1] for string in strings], dtype=bool),
        KnownEncodings(
            hash_K[order],
            Encoded(
                np.concatenate([part.ids_T for part in parts]),
                np.concatenate([part.lengths_S for part in parts]),
                np.concatenate([part.begins_T for part in parts]),
                np.concatenate([part.inside_T for part in parts]),
            ),
        ),
    )


def _load(place: Path, lists: tuple[str, ...]) -> KeptDictionary | None:
    found = read_arrays(place)
    if found is None or not {"text", *_ARRAYS} <= set(found):
        return None
    hash_K, frequency_LK, spaced_K, ids_T, lengths_S, begins_T, inside_T = (found[name] for name in _ARRAYS)
    strings = pa.array(found["text"].tobytes().decode("utf-8").split("\n"), type=pa.large_string())
    return KeptDictionary(
        strings, lists, frequency_LK, spaced_K, KnownEncodings(hash_K, Encoded(ids_T, lengths_S, begins_T, inside_T))
    )


def _write(found: KeptDictionary, out: BinaryIO) -> None:
    known, encoded = found.known, found.known.encoded
    values = (
        known.hash_K,
        found.frequency_LK,
        found.spaced_K,
        encoded.ids_T,
        encoded.lengths_S,
        encoded.begins_T,
        encoded.inside_T,
    )
    text = np.frombuffer("\n".join(found.strings.to_pylist()).encode(), dtype=np.uint8)
    np.savez(out, text=text, **dict(zip(_ARRAYS, values, strict=True)))  # type: ignore[arg-type]


def count_dictionary(
    found: KeptDictionary, path: Path, *, characters: float, weights: Mapping[Any, float], spaced: float
) -> CountFile:
    """Write the words as counts that together hold `characters` characters, besides those behind a space.

    weights: of the lists, compared with one another; where the base has nearly all words of one as tokens, as
    DeepSeek's has DeepSeek's, the others take its share. spaced: what a word weighs behind a space, compared with the
    bare word.
    """
    lengths_K = pc.utf8_length(found.strings).to_numpy()
    masses_LK = found.frequency_LK * (lengths_K * ~found.spaced_K)
    mass_L = masses_LK.sum(axis=1)
    telling_L = masses_LK[:, found.known.encoded.lengths_S > 1].sum(axis=1) >= _LEAST_TELLING * mass_L
    weight_L = np.array([weights[name] for name in found.lists]) * (telling_L if telling_L.any() else 1)
    scaled_K = (weight_L / weight_L.sum() * characters * UNIT / mass_L) @ found.frequency_LK
    scaled_K[found.spaced_K] *= spaced
    counts_K = np.maximum(np.rint(scaled_K), 1).astype(np.int64)
    documents_K = np.full(len(counts_K), ALL_DOCUMENTS, dtype=np.uint64)
    rows = write_table(path, found.known.hash_K, found.strings, counts_K, documents_K)
    return CountFile(path, rows, occurs=False)
