"""The Corpus artifact: `part-00000.jsonl.zst` …, at most 64 MB of text each, in input order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import zstandard

from hanhua.documents.compression import open_decompressed

PART_BYTES = 64_000_000
Split = Literal["train", "heldout"]


@dataclass(frozen=True)
class Document:
    """One document of a Corpus.

    id: `corpus:file#record`. corpus: the recipe's key. source: the record's `source` or `domain`.
    split: decided once, by filtering; learning and training read `train` only, measuring and
    evaluating `heldout` only.
    """

    id: str
    text: str
    corpus: str
    source: str = ""
    url: str = ""
    language: str = ""
    script: str = ""
    license: str = ""
    split: Split = "train"


_FIELDS = tuple(f.name for f in fields(Document))


def write_corpus(folder: Path, documents: Iterable[Document]) -> int:
    """Write documents as parts into `folder`; return how many. The same documents give the same bytes."""
    written = 0
    for part, batch in enumerate(_batches(documents)):
        path = folder / f"part-{part:05d}.jsonl.zst"
        lines = b"".join(json.dumps(asdict(d), ensure_ascii=False).encode() + b"\n" for d in batch)
        with path.open("wb") as file:
            file.write(zstandard.ZstdCompressor(level=3).compress(lines))
            file.flush()
            os.fsync(file.fileno())
        written += len(batch)
    return written


def read_corpus(
    folder: Path, *, split: Split | None = None, corpora: Iterable[str] | None = None
) -> Iterator[Document]:
    """Yield the documents of a Corpus in order, of one split and of the named corpora only when given."""
    wanted = None if corpora is None else frozenset(corpora)
    for path in sorted(folder.glob("part-*.jsonl.zst")):
        with open_decompressed(path) as file:
            for line in file:
                data: dict[str, Any] = json.loads(line)
                if split is not None and data["split"] != split:
                    continue
                if wanted is None or data["corpus"] in wanted:
                    yield Document(**{name: data[name] for name in _FIELDS})


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for document in documents:
        length = len(document.text.encode())
        if batch and size + length > PART_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += length
    if batch:
        yield batch
