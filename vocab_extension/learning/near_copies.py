"""Near copies of a document: the same page with another number, date or line, which shows nothing a second time.

A document is known by some of its shingles, eight characters each: those whose hash is divisible, so that the same
passage gives the same ones wherever it stands; by fewer of them the longer it is. Digits count as one, since a page and
its number are what is repeated most (Broder, "On the resemblance and containment of documents", 1997).

Shape suffixes: C characters, H hashes of shingles, D documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress, islice

import numpy as np
import numpy.typing as npt

SHINGLE = 8
_EVERY = ((512, 4), (4096, 16))
"""Below so many characters one shingle in so many is kept, from the last on one in `_EVERY_OF_LONG`."""
_EVERY_OF_LONG = 128
_MIN_SHINGLES = 4
_BATCH = 256
_MAX_NEW_SHARE = 0.2
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

Hashes = npt.NDArray[np.uint64]


class NearCopies:
    """The shingles of all documents so far: half a byte a character for documents of usual length."""

    def __init__(self) -> None:
        self._levels: list[Hashes] = []

    def first_seen(self, texts: Sequence[str]) -> list[bool]:
        """Return for each text whether it is more than a near copy: a fifth of it, at least, was not in earlier ones.

        Too short to tell: it is taken for new.
        """
        found = shingles(texts)
        known = [np.zeros(len(hashes), dtype=bool) for hashes in found]
        ends = list(accumulate(map(len, found)))
        if ends and ends[-1]:
            known = np.split(self._known(np.concatenate(found)), ends[:-1])
        here: set[int] = set()
        fresh = []
        for hashes, seen in zip(found, known, strict=True):
            values = hashes[~seen].tolist()
            new = sum(value not in here for value in values)
            fresh.append(len(hashes) < _MIN_SHINGLES or new > _MAX_NEW_SHARE * len(hashes))
            here.update(values)
        self._add(np.array(sorted(here), dtype=np.uint64))
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


def shingles(texts: Sequence[str]) -> list[Hashes]:
    """Return the hashes that stand for each text, each once."""
    # Line breaks between them, of which no shingle has one: it would reach over two texts.
    joined = "".join(text.replace("\n", " ") + "\n" for text in texts)
    code_C = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    breaks_D = np.flatnonzero(code_C == 10)
    code_C = np.where((code_C >= 48) & (code_C <= 57), np.uint64(48), code_C)
    hashes_C = np.zeros(max(len(code_C) - SHINGLE + 1, 0), dtype=np.uint64)
    for at in range(SHINGLE):
        hashes_C *= _FACTOR
        hashes_C += code_C[at : at + len(hashes_C)]
    hashes_C ^= hashes_C >> np.uint64(29)
    hashes_C *= _FACTOR
    high_C = hashes_C >> np.uint64(32)
    chosen = np.flatnonzero(high_C % np.uint64(_EVERY[0][1]) == 0)
    document = np.searchsorted(breaks_D, chosen)
    lengths_D = np.diff(breaks_D, prepend=-1)
    every_D = np.full(len(breaks_D), _EVERY_OF_LONG, dtype=np.uint64)
    for below, every in reversed(_EVERY):
        every_D[lengths_D < below] = every
    kept = (chosen + SHINGLE - 1 < breaks_D[document]) & (high_C[chosen] % every_D[document] == 0)
    chosen, document = chosen[kept], document[kept]
    parts = np.split(hashes_C[chosen], np.searchsorted(document, np.arange(1, len(texts))))
    return [np.unique(part) for part in parts][: len(texts)]
