"""What is learned from: named sources of texts, each with a weight and perhaps a limit.

Shape suffix: D documents of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import regex
import xxhash

from hanhua.progress import say
from hanhua.vocab_extension.learning.near_copies import NearCopies


@dataclass(frozen=True)
class Source:
    """Texts of one origin.

    weight: how much each occurrence counts beside those of other sources. max_characters: texts after
    that many are not read; None: all.
    """

    name: str
    texts: Iterable[str]
    weight: float = 1.0
    max_characters: int | None = None


@dataclass(frozen=True)
class Batch:
    """Different documents of one source, by its number, with the 64-bit digest of each."""

    source: int
    texts: list[str]
    digests_D: npt.NDArray[np.uint64]


class SeenDocuments:
    """The digests of all documents read so far, in 8 to 16 bytes each: sorted arrays, merged as they grow."""

    def __init__(self) -> None:
        self._levels: list[npt.NDArray[np.uint64]] = []

    def __len__(self) -> int:
        return sum(map(len, self._levels))

    def add(self, digests_D: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Add digests and return which of them were new, the first of equals only."""
        different, first = np.unique(digests_D, return_index=True)
        known = np.zeros(len(different), dtype=bool)
        for level in self._levels:
            at = np.minimum(np.searchsorted(level, different), len(level) - 1)
            known |= level[at] == different
        new_D = np.zeros(len(digests_D), dtype=bool)
        new_D[first[~known]] = True
        added = different[~known]
        while self._levels and len(self._levels[-1]) <= 2 * len(added):
            added = np.sort(np.concatenate((self._levels.pop(), added)))
        if len(added):
            self._levels.append(added)
        return new_D


@dataclass
class Reader:
    """Reads sources in batches of different documents; a text seen before, in any source, is not read again.

    So one page copied ten thousand times weighs as much as one, with another number in each copy as well: of near
    copies the first counts. A text longer than a batch comes in parts, which are one document.
    """

    sources: tuple[Source, ...]
    batch_characters: int
    documents: int = 0
    duplicates: int = 0
    near_duplicates: int = 0
    characters: int = 0
    near: NearCopies = field(default_factory=NearCopies)

    def batches(self) -> Iterator[Batch]:
        """Yield the batches, source by source."""
        seen = SeenDocuments()
        for number, source in enumerate(self.sources):
            limit, taken = source.max_characters, 0
            for texts in _chunks(source.texts, self.batch_characters):
                digests_D = np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in texts], dtype=np.uint64)
                new_D = seen.add(digests_D)
                self.duplicates += int((~new_D).sum())
                kept: list[int] = np.flatnonzero(new_D).tolist()
                fresh = self.near.first_seen([texts[n] for n in kept])
                self.near_duplicates += len(fresh) - sum(fresh)
                kept = [n for n, is_new in zip(kept, fresh, strict=True) if is_new]
                if limit is not None:
                    kept, taken = _within(kept, texts, limit, taken)
                if kept:
                    self.documents += len(kept)
                    self.characters += sum(len(texts[n]) for n in kept)
                    yield from self._in_parts(Batch(number, [texts[n] for n in kept], digests_D[kept]))
                if limit is not None and taken >= limit:
                    break

    def _in_parts(self, batch: Batch) -> Iterator[Batch]:
        """Yield a batch, or the parts of its one text that is longer than a batch, each with the text's digest."""
        if len(batch.texts[-1]) <= self.batch_characters:
            yield batch
            return
        if len(batch.texts) > 1:
            yield Batch(batch.source, batch.texts[:-1], batch.digests_D[:-1])
        text, digests_D = batch.texts[-1], batch.digests_D[-1:]
        name = self.sources[batch.source].name
        say(f"{name}: a document of {len(text):,} characters (in a .txt file each line is a document)")
        yield from (Batch(batch.source, [part], digests_D) for part in parts_of_text(text, self.batch_characters))


_BETWEEN_PRETOKENS = regex.compile(r"(?<=\p{L})(?=[^\p{L}\p{N}])")


def parts_of_text(text: str, characters: int) -> Iterator[str]:
    """Yield a text in parts of about so many characters, cut before a mark or space that ends a run of letters.

    There every tokenizer of `packaged_tokenizers` begins a new pre-token, so that none is cut in two.
    """
    begin = 0
    while begin < len(text):
        found = _BETWEEN_PRETOKENS.search(text, begin + characters) if begin + characters < len(text) else None
        end = len(text) if found is None else found.start()
        yield text[begin:end]
        begin = end


def _within(kept: list[int], texts: list[str], limit: int, taken: int) -> tuple[list[int], int]:
    """Return those documents that begin before the limit, and the characters taken with them."""
    inside = []
    for n in kept:
        if taken >= limit:
            break
        inside.append(n)
        taken += len(texts[n])
    return inside, taken


def _chunks(texts: Iterable[str], characters: int) -> Iterator[list[str]]:
    chunk: list[str] = []
    held = 0
    for text in texts:
        chunk.append(text)
        held += len(text)
        if held >= characters:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk
