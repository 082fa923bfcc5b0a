"""Fertility: what a tokenizer makes of held-out text, in characters and bytes per token. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from hanhua.documents import Document
from hanhua.encoding import Encoder

BATCH_DOCUMENTS = 64


class _Count:
    """Characters, bytes and tokens so far."""

    def __init__(self) -> None:
        self.characters = self.bytes = self.tokens = 0

    def add(self, text: str, tokens: int) -> None:
        self.characters += len(text)
        self.bytes += len(text.encode())
        self.tokens += tokens


def measure_fertility(encoder: Encoder, documents: Iterable[Document]) -> dict[str, Any]:
    """Return characters, bytes, tokens and their ratios over documents, whole and by `source`.

    Sums over the corpus, never means of documents: a hundred short notes must not outweigh a novel.
    No special token is added or read; bytes are the text's own.
    """
    total, by_source = _Count(), dict[str, _Count]()
    for batch in _batches(documents):
        lengths = encoder.encode([document.text for document in batch]).lengths.tolist()
        for document, tokens in zip(batch, lengths, strict=True):
            for count in (total, by_source.setdefault(document.source, _Count())):
                count.add(document.text, tokens)
    return {
        "characters": total.characters,
        "bytes": total.bytes,
        "tokens": total.tokens,
        "characters_per_token": total.characters / max(total.tokens, 1),
        "bytes_per_token": total.bytes / max(total.tokens, 1),
        "by_source": {
            source: count.characters / max(count.tokens, 1) for source, count in sorted(by_source.items()) if source
        },
    }


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    remaining = iter(documents)
    while batch := list(islice(remaining, BATCH_DOCUMENTS)):
        yield batch
