"""Lines that occur in many documents: menus, notices, signatures; all but the first are removed.

Off in the presets: statutes repeat whole lines by right (本办法自公布之日起施行), and code repeats its imports.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

MIN_LINE_LETTERS = 8
"""Shorter lines (第一条, 谢谢) are common by nature."""
_PART_BYTES = 64_000_000
_BLOCK = 1 << 20
Hashes = npt.NDArray[np.uint64]


def line_hashes(text: str) -> Hashes:
    """Return the hashes of the different lines of a text that are long enough to count."""
    return np.unique(np.array([value for value in _hashes(text) if value is not None], dtype=np.uint64))


def _hashes(text: str) -> list[int | None]:
    """Return a hash for each line, without the space around it; None for a short one."""
    lines = (line.strip() for line in text.split("\n"))
    return [
        xxhash.xxh3_64_intdigest(line.encode()) if sum(map(str.isalnum, line)) >= MIN_LINE_LETTERS else None
        for line in lines
    ]


def repeated_lines(hashes: Path, counts: Path, *, left_out: npt.NDArray[np.bool_], max_documents: int) -> Hashes:
    """Return, sorted, the hashes that occur in more documents than that, those left out not counted.

    hashes: uint64, document after document. counts: how many each has, uint32. Memory holds one part of
    64 MB at a time; the parts are files next to `hashes`.
    """
    size = hashes.stat().st_size
    if size <= _PART_BYTES:
        found = [_frequent(np.concatenate([np.zeros(0, np.uint64), *_kept(hashes, counts, left_out)]), max_documents)]
    else:
        paths = [hashes.with_name(f"lines-{part:03}.bin") for part in range(-(-size // _PART_BYTES))]
        _distribute(paths, _kept(hashes, counts, left_out))
        found = []
        for path in paths:
            found.append(_frequent(np.fromfile(path, dtype=np.uint64), max_documents))
            path.unlink()
    return np.sort(np.concatenate(found))


def _kept(hashes: Path, counts: Path, left_out: npt.NDArray[np.bool_]) -> Iterator[Hashes]:
    numbers = np.fromfile(counts, dtype=np.uint32)
    with hashes.open("rb") as file:
        for begin in range(0, len(numbers), _BLOCK >> 4):
            block = numbers[begin : begin + (_BLOCK >> 4)]
            values = np.fromfile(file, dtype=np.uint64, count=int(block.sum()))
            yield values[~np.repeat(left_out[begin : begin + len(block)], block)]


def _distribute(paths: list[Path], blocks: Iterator[Hashes]) -> None:
    files = [path.open("wb") for path in paths]
    try:
        for block in blocks:
            part = block % np.uint64(len(paths))
            for number, file in enumerate(files):
                block[part == number].tofile(file)
    finally:
        for file in files:
            file.close()


def _frequent(hashes: Hashes, max_documents: int) -> Hashes:
    values, counts = np.unique(hashes, return_counts=True)
    return values[counts > max_documents]


class LineFilter:
    """Takes repeated lines out of documents that come in order: each line stays where it stands first."""

    def __init__(self, repeated: Hashes) -> None:
        self._repeated = repeated
        self._seen = np.zeros(len(repeated), dtype=bool)

    def strip(self, text: str) -> str:
        """Return the text without the repeated lines that an earlier document had."""
        if not len(self._repeated):
            return text
        lines, hashes = text.split("\n"), _hashes(text)
        places = [None if value is None else self._place(value) for value in hashes]
        gone = [place is not None and bool(self._seen[place]) for place in places]
        for place in places:
            if place is not None:
                self._seen[place] = True
        return "\n".join(line for line, out in zip(lines, gone, strict=True) if not out) if any(gone) else text

    def _place(self, value: int) -> int | None:
        at = int(np.searchsorted(self._repeated, np.uint64(value)))
        return at if at < len(self._repeated) and int(self._repeated[at]) == value else None
