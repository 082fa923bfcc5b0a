"""The little Corpus a probe trains and measures on, drawn from the user's files."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path

import xxhash

from hanhua.artifacts.manifest import Artifact, write_manifest
from hanhua.documents import Document, Record, read_records
from hanhua.documents.corpus import Split, write_corpus
from hanhua.errors import InputError
from hanhua.progress import say
from hanhua.vocab_extension.texts import encodable

CORPUS = "probe"
HELD_OUT_OF = 10
"""One document in ten, where the records say nothing: a probe needs few, but more than the 2% of a real run."""
Ranked = tuple[int, int, Document]


def write_probe_corpus(
    sources: Iterable[str], folder: Path, *, train_bytes: int, max_heldout: int, text_field: str, split: str, seed: int
) -> Artifact:
    """Write a Corpus of drawn documents: about `train_bytes` to train on, at most `max_heldout` to measure on.

    Documents are drawn by the hash of their text, holding no more in memory than what is kept. The same hash holds
    out, so copies go together; records that carry a `split` (a Corpus of Hanhua's does) keep it.
    """
    train: list[Ranked] = []
    heldout: list[Ranked] = []
    size = 0
    for number, document in enumerate(_documents(sources, text_field=text_field, split=split)):
        hash_ = xxhash.xxh3_64_intdigest(document.text.encode(), seed=seed + 2)
        entry = (-hash_, number, document)
        if document.split == "heldout":
            heapq.heappush(heldout, entry)
            if len(heldout) > max_heldout:
                heapq.heappop(heldout)
            continue
        heapq.heappush(train, entry)
        size += len(document.text.encode())
        while size - len(train[0][2].text.encode()) >= train_bytes:
            size -= len(heapq.heappop(train)[2].text.encode())
    if not train or not heldout:
        missing = "to train on" if not train else "to measure on (one in ten is held out)"
        raise InputError(f"no document {missing} in {', '.join(sources)}; give more text")
    folder.mkdir(parents=True)
    write_corpus(folder, (document for *_, document in sorted([*train, *heldout], key=lambda entry: entry[1])))
    return write_manifest(folder, kind="corpus", config={"seed": seed}, inputs={}, facts={"documents": len(train)})


def _documents(sources: Iterable[str], *, text_field: str, split: str) -> Iterator[Document]:
    broken: list[str] = []
    for source in sources:
        for record in read_records(
            source,
            text_field=text_field,
            split=split,
            on_broken=lambda place, reason: broken.append(f"{place}: {reason}"),
        ):
            text = encodable(record.text)
            if not text.strip():
                continue
            name = f"{CORPUS}:{Path(source).name}#{record.number}"
            part = _split_of(record, text)
            yield Document(name, text, CORPUS, source=Path(source).name, language="zh", split=part)
    if broken:
        say(f"probe: {len(broken):,} records skipped; the first: {broken[0]}")


def _split_of(record: Record, text: str) -> Split:
    decided = record.fields.get("split")
    if decided in ("train", "heldout"):
        return "heldout" if decided == "heldout" else "train"
    return "heldout" if xxhash.xxh3_64_intdigest(text.encode(), seed=1) % HELD_OUT_OF == 0 else "train"
