"""The held-out documents an evaluation reads: from a Corpus artifact, or from people's own files."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hanhua.documents import Document, read_corpus, read_records
from hanhua.documents.corpus import Split
from hanhua.errors import InputError
from hanhua.zh_text.scripts import script_shares

GUESS_CHARACTERS = 2000
"""Number of characters looked at in a document that does not name its language."""


@dataclass(frozen=True)
class HeldOut:
    """Documents by corpus, in the order of the hash of their ids, so that any prefix is a fair sample."""

    documents: Mapping[str, tuple[Document, ...]]

    def corpora(self, language: str) -> tuple[str, ...]:
        """Return the corpora most of whose documents are in `language` (`zh`, `en`)."""
        return tuple(name for name, docs in self.documents.items() if _language_of_most(docs) == language)


def draw_documents(documents: Iterable[Document], *, max_documents: int | None, seed: int) -> HeldOut:
    """Draw at most `max_documents` of each corpus by the hash of their ids, holding no more in memory.

    The draw depends on ids and seed alone: not on the order of the parts, nor on the number of workers
    that made them. Raises InputError when there is no document, or one that no encoding can hold.
    """
    heaps: dict[str, list[tuple[int, int, Document]]] = {}
    for number, document in enumerate(documents):
        if not document.text:
            continue
        _require_encodable(document)
        rank = int.from_bytes(hashlib.sha256(f"{seed}:{document.id}".encode()).digest()[:8], "big")
        heap = heaps.setdefault(document.corpus, [])
        # A min-heap of negated ranks: its top is the document to drop first. `number` settles equal ids.
        entry = (-rank, -number, document)
        if max_documents is None or len(heap) < max_documents:
            heapq.heappush(heap, entry)
        elif entry[:2] > heap[0][:2]:
            heapq.heapreplace(heap, entry)
    if not heaps:
        raise InputError("no held-out document to evaluate on; raise the held-out share in filtering, or add text")
    ordered = {name: sorted(heap, key=lambda e: (-e[0], -e[1])) for name, heap in sorted(heaps.items())}
    return HeldOut({name: tuple(entry[2] for entry in entries) for name, entries in ordered.items()})


def read_documents(sources: Iterable[str], *, split: Split = "heldout") -> Iterator[Document]:
    """Yield documents from Corpus folders (of one split) and from files, given as PATH or NAME=PATH.

    A file is a corpus of its own, named by its stem unless NAME is given.
    """
    for source in sources:
        name, equals, path = source.partition("=")
        if not equals:
            name, path = "", source
        folder = Path(path)
        if folder.is_dir():
            if not any(folder.glob("part-*.jsonl.zst")):
                raise InputError(f"{folder}: not a Corpus folder (no part-*.jsonl.zst); name text files one by one")
            yield from read_corpus(folder, split=split)
            continue
        corpus = name or folder.name.split(".")[0]
        for record in read_records(path):
            yield Document(
                id=f"{corpus}:{folder.name}#{record.number}",
                text=record.text,
                corpus=corpus,
                source=str(record.fields.get("domain") or record.fields.get("source") or ""),
                split=split,
            )


def language_of(document: Document) -> str:
    """Return a document's language, guessed from its script when it does not say: `zh`, `en` or `other`."""
    if document.language:
        return document.language.split("-")[0].split("_")[0].lower()
    shares = script_shares(document.text[:GUESS_CHARACTERS])
    if shares.han > 0.3 and shares.kana < 0.1:
        return "zh"
    return "en" if shares.latin > 0.9 else "other"


def _language_of_most(documents: Iterable[Document]) -> str:
    counts = Counter(language_of(document) for document in documents)
    return counts.most_common(1)[0][0] if counts else "other"


def _require_encodable(document: Document) -> None:
    try:
        document.text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{document.id}: holds half a character (a lone surrogate at {error.start}); filter the text first"
        ) from None
