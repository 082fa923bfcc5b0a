"""The Corpus artifact: `part-00000.jsonl.zst` …, at most 64 MB of text each, in input order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import zstandard

from hanhua.documents.compression import open_decompressed

PART_BYTES = 64_000_000
SYNTHETIC_PREFIX = "synthetic_"
"""Of the names of synthetic corpora: `synthetic_faq` holds what came out of the form `faq`, for any audience."""
Split = Literal["train", "heldout"]


@dataclass(frozen=True)
class Document:
    """One document of a Corpus.

    id: `corpus:file#record`. corpus: the recipe's key. source: the record's `source` or `domain`.
    split: decided once, by filtering; learning and training read `train` only, measuring and
    evaluating `heldout` only. provenance: of a synthetic one, its source, form and teacher; empty for any other, in
    whose line it is left out.
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
    provenance: dict[str, Any] = field(default_factory=dict)


_PROVENANCE = "provenance"
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_FIELDS = tuple(f.name for f in fields(Document) if f.name != _PROVENANCE)


def write_corpus(folder: Path, documents: Iterable[Document]) -> int:
    """Write documents as parts into `folder`; return how many. The same documents give the same bytes.

    Memory holds one document, not a part.
    """
    written = part = 0
    waiting = iter(documents)
    document = next(waiting, None)
    while document is not None:
        path = folder / f"part-{part:05d}.jsonl.zst"
        with path.open("wb") as file:
            with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as packed:
                size = 0
                while document is not None:
                    more = len(document.text.encode())
                    if size and size + more > PART_BYTES:
                        break
                    packed.write(_as_json(_line_of(document)).encode() + b"\n")
                    size += more
                    written += 1
                    document = next(waiting, None)
            file.flush()
            os.fsync(file.fileno())
        part += 1
    return written


def _line_of(document: Document) -> dict[str, Any]:
    # Not `asdict`, whose deep copies take longer than all else.
    data = dict(vars(document))
    if not document.provenance:
        del data[_PROVENANCE]
    return data


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
                    yield Document(**{name: data[name] for name in _FIELDS}, provenance=data.get(_PROVENANCE, {}))
