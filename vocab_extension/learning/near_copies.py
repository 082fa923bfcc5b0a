"""Near copies of a document: the same page with another number, date or line, which shows nothing a second time.

A document is known by some of its shingles, eight characters each: those whose hash is divisible, so that the same
passage gives the same ones wherever it stands; by fewer of them the longer it is. Digits count as one, since a page and
its number are what is repeated most (Broder, "On the resemblance and containment of documents", 1997).

Shape suffixes: C characters, H hashes of shingles, P pairs of a hash and a document that has it, D documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, islice

import numpy as np
import numpy.typing as npt

SHINGLE = 8
_EVERY = ((512, 4), (4096, 16))
"""Below so many characters one shingle in so many is kept, from the last on one in `_EVERY_OF_LONG`: powers of two."""
_EVERY_OF_LONG = 128
_MIN_SHINGLES = 4
_BATCH = 256
_MAX_NEW_SHARE = 0.2
_FACTOR = 0x9E3779B97F4A7C15
_LINE_BREAK, _ZERO, _NINE = 10, 48, 57

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]


class NearCopies:
    """The shingles of all documents so far: half a byte a character for documents of usual length."""

    def __init__(self) -> None:
        self._levels: list[Hashes] = []

    def first_seen(self, texts: Sequence[str]) -> list[bool]:
        """Return for each text whether it is more than a near copy: a fifth of it, at least, was not in earlier ones.

        Too short to tell: it is taken for new.
        """
        hash_P, document_P = shingles(texts)
        is_first_P = np.diff(hash_P, prepend=~hash_P[:1]) != 0
        is_first_P[is_first_P] = ~self._known(hash_P[is_first_P])
        size_D = np.bincount(document_P, minlength=len(texts))
        new_D = np.bincount(document_P[is_first_P], minlength=len(texts))
        self._add(hash_P[is_first_P])
        fresh: list[bool] = ((size_D < _MIN_SHINGLES) | (new_D > _MAX_NEW_SHARE * size_D)).tolist()
        return fresh

    def without(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield the texts that are no near copies, of those before them or of one another."""
        stream = iter(texts)
        while batch := list(islice(stream, _BATCH)):
            yield from compress(batch, self.first_seen(batch))

    def _known(self, hashes_H: Hashes) -> npt.NDArray[np.bool_]:
        known: npt.NDArray[np.bool_] = np.zeros(len(hashes_H), dtype=bool)
        for level in self._levels:
            at = np.minimum(np.searchsorted(level, hashes_H), len(level) - 1)
            known |= level[at] == hashes_H
        return known

    def _add(self, added: Hashes) -> None:
        while self._levels and len(self._levels[-1]) <= 2 * len(added):
            added = np.union1d(self._levels.pop(), added)
        if len(added):
            self._levels.append(added)


def shingles(texts: Sequence[str]) -> tuple[Hashes, Ints]:
    """Return the hashes that stand for the texts, each once for a text, and whose each is: by hash, then by text."""
    # Line breaks between them, of which no shingle has one: it would reach over two texts.
    joined = "".join(text.replace("\n", " ") + "\n" for text in texts)
    code_C = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32)
    breaks_D = np.flatnonzero(code_C == _LINE_BREAK)
    hashes_C = _hashes(np.where((code_C >= _ZERO) & (code_C <= _NINE), np.uint32(_ZERO), code_C))
    high_C = hashes_C >> np.uint64(32)
    chosen = np.flatnonzero(high_C & np.uint64(_EVERY[0][1] - 1) == 0)
    document = np.searchsorted(breaks_D, chosen)
    lengths_D = np.diff(breaks_D, prepend=-1)
    every_D = np.full(len(breaks_D), _EVERY_OF_LONG, dtype=np.uint64)
    for below, every in reversed(_EVERY):
        every_D[lengths_D < below] = every
    kept = (chosen + SHINGLE - 1 < breaks_D[document]) & (high_C[chosen] & every_D[document] - np.uint64(1) == 0)
    hash_P, document_P = hashes_C[chosen[kept]], document[kept]
    order = np.argsort(hash_P, kind="stable")
    hash_P, document_P = hash_P[order], document_P[order]
    different = np.ones(len(hash_P), dtype=bool)
    different[1:] = (hash_P[1:] != hash_P[:-1]) | (document_P[1:] != document_P[:-1])
    return hash_P[different], document_P[different]


def _hashes(code_C: npt.NDArray[np.uint32]) -> Hashes:
    """Return the hash of the eight characters from each one on: of one, of two, of four, of eight."""
    hashes_C = code_C.astype(np.uint64)
    width = 1
    while width < SHINGLE:
        hashes_C = hashes_C[:-width] * np.uint64(pow(_FACTOR, width, 1 << 64)) + hashes_C[width:]
        width *= 2
    hashes_C ^= hashes_C >> np.uint64(29)
    hashes_C *= np.uint64(_FACTOR)
    return hashes_C
