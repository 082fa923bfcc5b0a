"""Texts to learn from and to measure on, out of a Corpus or of people's files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from hanhua.artifacts.manifest import MANIFEST
from hanhua.documents.places import expand_paths
from hanhua.documents.readers import Record, is_remote, read_records
from hanhua.progress import say

HELD_OUT_OF = 50
"""One document in 50 is held out where nothing has decided a split before."""


def encodable(text: str) -> str:
    """Return the text with each lone surrogate (JSON can carry them, UTF-8 cannot) as `?`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def is_held_out(text: str) -> bool:
    """Return whether a document is one of the 2% kept for measuring; by its text alone, so copies go together."""
    return xxhash.xxh3_64_intdigest(text.encode(), seed=1) % HELD_OUT_OF == 0


def _held_out(record: Record, text: str) -> bool:
    decided = record.fields.get("split")
    return decided == "heldout" if decided in ("train", "heldout") else is_held_out(text)


@dataclass
class TextFiles:
    """The texts of some files, read again at each iteration; broken records are counted by file and skipped.

    Files are read in the order of their names whatever the order they were given in. held_out: only the
    documents held out, or only the others; a record's own `split` (a Corpus has one) decides before its hash.
    """

    sources: tuple[str, ...]
    text_field: str = "text"
    split: str = "train"
    held_out: bool | None = None
    broken: dict[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        self.broken.clear()
        for source in self.sources:
            yield from self._of(source)

    def _of(self, source: str) -> Iterator[str]:
        def skip(place: str, reason: str) -> None:
            self.broken[source] = self.broken.get(source, 0) + 1
            if self.broken[source] == 1:
                say(f"skipped {place}: {reason} (more in this file are counted, not shown)")

        for record in read_records(source, text_field=self.text_field, split=self.split, on_broken=skip):
            text = encodable(record.text)
            if self.held_out is None or _held_out(record, text) == self.held_out:
                yield text


def sources_of(patterns: Iterable[str | Path], *, split: str = "train") -> tuple[str, ...]:
    """Return the files behind paths, folders and globs, and Hub data sets, sorted and each once.

    Of a Corpus artifact the parts alone: what was rejected lies in the same folder. split: of a folder of several that
    `save_to_disk` wrote.
    """
    found: set[str] = set()
    for pattern in patterns:
        if is_remote(str(pattern)):
            found.add(str(pattern))
        elif (Path(pattern) / MANIFEST).is_file():
            found |= {str(path) for path in Path(pattern).glob("part-*.jsonl.zst")}
        else:
            found |= {str(path) for path in expand_paths(pattern, split=split)}
    return tuple(sorted(found))
