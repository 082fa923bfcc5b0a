"""Which documents to tokenize when training needs only a part of a corpus: a seeded, unbiased draw.

Tokenizing 30 MB of text to train on 200,000 tokens would cost more time than it saves thought; taking
the first documents would train on one book.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from hanhua.documents import Document, read_corpus

BYTES_PER_TOKEN_AT_MOST = 12
"""No corpus has nearly this many bytes per token, so `enough` tokens are sure to be reached."""


@dataclass(frozen=True)
class Selection:
    """The chosen documents: those of a corpus whose hash is at most its limit."""

    languages: Mapping[str, str]
    limits: Mapping[str, int]
    chosen: int
    seed: int
    only_languages: frozenset[str] | None

    def documents(self, documents: Iterator[Document]) -> Iterator[Document]:
        """Yield the chosen documents in their own order."""
        for document in documents:
            if self.only_languages is not None and document.language not in self.only_languages:
                continue
            if _hash(document, self.seed) <= self.limits[document.corpus]:
                yield document


def select_documents(
    corpus: Path,
    *,
    languages: frozenset[str] | None = None,
    enough_tokens: Mapping[str, int] | int | None = None,
    seed: int = 0,
) -> Selection:
    """Choose train documents of a Corpus, per corpus in hash order, until `enough_tokens` are sure.

    enough_tokens: one number for every corpus or one for each; None, or a corpus not named, takes all.
    """
    hashes: dict[str, list[int]] = {}
    sizes: dict[str, list[int]] = {}
    spoken: dict[str, Counter[str]] = {}
    for document in read_corpus(corpus, split="train"):
        if languages is None or document.language in languages:
            hashes.setdefault(document.corpus, []).append(_hash(document, seed))
            sizes.setdefault(document.corpus, []).append(len(document.text.encode()) + 2)
            spoken.setdefault(document.corpus, Counter())[document.language] += 1
    limits, chosen = {}, 0
    for name in hashes:
        enough = enough_tokens.get(name) if isinstance(enough_tokens, Mapping) else enough_tokens
        limits[name], count = _limit(hashes[name], sizes[name], enough)
        chosen += count
    main = {name: counts.most_common(1)[0][0] for name, counts in spoken.items()}
    return Selection(main, limits, chosen, seed, languages)


def _limit(hashes: list[int], sizes: list[int], enough: int | None) -> tuple[int, int]:
    by_hash = np.array(hashes, dtype=np.uint64)
    order = np.argsort(by_hash, kind="stable")
    if enough is None:
        return int(by_hash[order[-1]]), len(order)
    reached = np.cumsum(np.array(sizes, dtype=np.int64)[order]) >= enough * BYTES_PER_TOKEN_AT_MOST
    last = int(np.argmax(reached)) if reached.any() else len(order) - 1
    return int(by_hash[order[last]]), last + 1


def _hash(document: Document, seed: int) -> int:
    return xxhash.xxh3_64_intdigest(document.id.encode(), seed=seed)
