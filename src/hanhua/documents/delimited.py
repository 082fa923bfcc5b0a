"""CSV and TSV: a header, then one record per row; quoted fields may contain line ends and be of any length."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hanhua.documents.encodings import decoded_lines
from hanhua.errors import InputError

SUFFIXES = (".csv", ".tsv")
_DELIMITERS = (",", ";", "\t")
MAX_FIELD_CHARACTERS = 1 << 30
"""A quote that is never closed makes one field of all that follows; this is where reading it ends."""
# What `surrogateescape` makes of bytes that are in no encoding; nothing else can put them into decoded text.
_UNDECODED = re.compile("[\udc80-\udcff]")


def read_delimited(path: Path, suffix: str, broken: Callable[[str, str], None]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number (0 for the row below the header) and fields of each row.

    A row with more or fewer fields than the header is broken: its text may have been cut at a comma. The
    delimiter of a `.csv` is what parts its header: a comma, a semicolon or a tab. Raises InputError for a
    header that cannot be read, and for a quote that is never closed.
    """
    lines = _Lines(path)
    first = next(lines, "")
    if _UNDECODED.search(first):
        raise InputError(f"{path}: the header is in no encoding that can be told; save the file as UTF-8")
    lines.unread = first
    delimiter = "\t" if suffix == ".tsv" else max(_DELIMITERS, key=first.count)
    # Global in the standard library; no part of this package relies on the small default.
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    number = -1
    while True:
        line = rows.line_num
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.ended:
                raise InputError(f"{path}: a quote opened below line {line} is never closed ({error})") from None
            number += header is not None
            broken(f"{path}#{number}", f"not a row of {suffix[1:].upper()} at line {rows.line_num} ({error})")
            continue
        if not row or (len(row) == 1 and not row[0].strip()):
            continue
        if header is None:
            header = [name.strip() for name in row]
            continue
        number += 1
        if any(map(_UNDECODED.search, row)):
            broken(f"{path}#{number}", f"in no encoding that can be told (line {rows.line_num})")
        elif len(row) != len(header):
            broken(f"{path}#{number}", f"{len(row)} fields, where the header has {len(header)} (line {rows.line_num})")
        else:
            yield number, dict(zip(header, row, strict=True))


class _Lines:
    """The lines of a file as csv wants them, of which the first can be put back."""

    def __init__(self, path: Path) -> None:
        self.unread: str | None = None
        self.ended = False
        self._lines = decoded_lines(path)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.unread is not None:
            line, self.unread = self.unread, None
            return line
        try:
            text = next(self._lines)[1]
        except StopIteration:
            self.ended = True
            raise
        return text if isinstance(text, str) else text.escaped
