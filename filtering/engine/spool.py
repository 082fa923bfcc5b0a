"""Kept documents between the two passes, on disk: records and what is known of each, in files that only grow.

Because they only grow, a run that was killed resumes from the sizes it noted last: what follows them is cut off.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import zstandard

from hanhua.documents.compression import open_decompressed
from hanhua.filtering.judge import Judged

_as_json = json.JSONEncoder(ensure_ascii=False).encode


class Spool:
    """A folder of files in input order: appended to, then read back.

    Fixed size per document: digests (16 bytes), signatures (MinHash, uint32 each), letters (uint32), corpora
    (uint16, numbered in order of appearance), line_counts (uint32, that many hashes of 8 bytes in `lines`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / "kept.jsonl.zst"
        self.digests = folder / "digests.bin"
        self.signatures = folder / "signatures.bin"
        self.letters = folder / "letters.bin"
        self.corpora = folder / "corpora.bin"
        self.lines = folder / "lines.bin"
        self.line_counts = folder / "line_counts.bin"
        fixed = (self.digests, self.signatures, self.letters, self.corpora)
        self._paths = (self.records, *fixed, self.lines, self.line_counts)
        self._numbers: dict[str, int] = {}
        self._out: dict[Path, BinaryIO] = {}
        self._frame = zstandard.ZstdCompressor(level=1).compressobj()

    @contextmanager
    def writing(self, sizes: Mapping[str, int], numbers: Mapping[str, int]) -> Iterator[None]:
        """Open the files for `add`, cut to the sizes of the last checkpoint (none: empty)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._numbers = dict(numbers)
        with ExitStack() as stack:
            for path in self._paths:
                file = stack.enter_context(path.open("r+b" if path.exists() else "wb"))
                file.truncate(sizes.get(path.name, 0))
                file.seek(0, os.SEEK_END)
                self._out[path] = file
            yield
            self.flush()
        self._out.clear()

    def add(self, fields: dict[str, str], judged: Judged) -> None:
        """Append a kept document: the fields of its Document but for the split."""
        number = self._numbers.setdefault(fields["corpus"], len(self._numbers))
        row = _as_json([fields, judged.masked]).encode() + b"\n"
        self._out[self.records].write(self._frame.compress(row))
        self._out[self.digests].write(judged.digest)
        self._out[self.signatures].write(judged.signature)
        self._out[self.letters].write(np.uint32(min(judged.letters, 2**32 - 1)).tobytes())
        self._out[self.corpora].write(np.uint16(number).tobytes())
        self._out[self.lines].write(judged.lines)
        self._out[self.line_counts].write(np.uint32(len(judged.lines) // 8).tobytes())

    def flush(self) -> tuple[dict[str, int], dict[str, int]]:
        """Make all that was added durable; return the sizes of the files and the numbers of the corpora."""
        self._out[self.records].write(self._frame.flush())
        self._frame = zstandard.ZstdCompressor(level=1).compressobj()
        for file in self._out.values():
            file.flush()
            os.fsync(file.fileno())
        return {path.name: file.tell() for path, file in self._out.items()}, dict(self._numbers)

    def read(self) -> Iterator[tuple[dict[str, str], dict[str, int]]]:
        """Yield the fields of each document and how much of it was masked, in input order."""
        with open_decompressed(self.records) as file:
            for line in file:
                fields, masked = json.loads(line)
                yield fields, masked

    def remove(self) -> None:
        """Delete the files."""
        shutil.rmtree(self.folder)
