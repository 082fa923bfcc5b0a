"""Kept documents between the two passes, on disk: records, digests and signatures, one after another."""

from __future__ import annotations

import json
import shutil
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from hanhua.documents.compression import open_decompressed
from hanhua.filtering.judge import Judged


class Spool:
    """A folder of three files written in input order, and read back once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / "kept.jsonl.zst"
        self.digests = folder / "digests.bin"
        self.signatures = folder / "signatures.bin"
        self.corpora = array("H")
        """The corpus of each document added, by number, in order of appearance."""
        self._numbers: dict[str, int] = {}
        self._out: dict[Path, BinaryIO] = {}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open the files for `add`."""
        self.folder.mkdir(parents=True)
        with ExitStack() as stack:
            for path in (self.digests, self.signatures):
                self._out[path] = stack.enter_context(path.open("wb"))
            raw = stack.enter_context(self.records.open("wb"))
            self._out[self.records] = stack.enter_context(
                zstandard.ZstdCompressor(level=1).stream_writer(raw, closefd=False)
            )
            yield
        self._out.clear()

    def add(self, fields: dict[str, str], judged: Judged) -> None:
        """Append a kept document: the fields of its Document but for the split."""
        self.corpora.append(self._numbers.setdefault(fields["corpus"], len(self._numbers)))
        row = [fields, judged.masked]
        self._out[self.records].write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self._out[self.digests].write(judged.digest)
        self._out[self.signatures].write(judged.signature)

    def read(self) -> Iterator[tuple[dict[str, str], dict[str, int]]]:
        """Yield the fields of each document and how much of it was masked, in input order."""
        with open_decompressed(self.records) as file:
            for line in file:
                fields, masked = json.loads(line)
                yield fields, masked

    def remove(self) -> None:
        """Delete the files."""
        shutil.rmtree(self.folder)
