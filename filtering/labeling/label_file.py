"""Judgements on disk: one line each, only ever appended, on disk before anyone is told that it was taken.

A line is `{"key", "label", "judge", "at"}`, or `{"key", "undone": true, …}`, which takes back the judge's last word on
that text. The latest word of each judge counts. A line cut short by a crash is passed over when it is read, and ended
before the next one is written.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import fsync_folder
from hanhua.errors import InputError
from hanhua.filtering.config import CATEGORIES

KEEP, JUNK, HARMLESS, UNSURE = "keep", "junk", "harmless", "unsure"
LABELS = (KEEP, JUNK, *CATEGORIES, HARMLESS, UNSURE)
"""What a judge can say of a text. harmless: what a guard says, which knows nothing of junk. unsure: it is not asked
again, and nothing is learned of it."""
MODEL = "model:"
"""How the names of judges begin that are models."""


@dataclass(frozen=True)
class Label:
    """One judge's word on one text. key: of the candidate."""

    key: str
    label: str
    judge: str


class AppendedLines:
    """A file of JSON lines to which one process at a time appends; each line is on disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        if path.exists() and not _ends_a_line(path):
            self._write(b"\n")

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a line, durably."""
        self._write(json.dumps(dict(row), ensure_ascii=False).encode() + b"\n")

    def rows(self) -> list[dict[str, Any]]:
        """Return the lines that are whole."""
        found = []
        for line in self.path.read_bytes().split(b"\n") if self.path.exists() else ():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                found.append(row)
        return found

    def _write(self, data: bytes) -> None:
        with self._lock:
            new = not self.path.exists()
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                fsync_folder(self.path.parent)


class LabelFile:
    """The judgements of a folder, and who made them."""

    def __init__(self, path: Path) -> None:
        self._lines = AppendedLines(path)
        self._said: dict[tuple[str, str], str] = {}
        for row in self._lines.rows():
            self._take(row)

    def add(self, key: str, label: str, *, judge: str) -> None:
        """Take a judgement down. Raises InputError for a label there is none of."""
        if label not in LABELS:
            raise InputError(f"label {label!r}: expected one of {', '.join(LABELS)}")
        self._append({"key": key, "label": label, "judge": judge})

    def undo(self, key: str, *, judge: str) -> None:
        """Take back a judge's word on a text."""
        self._append({"key": key, "undone": True, "judge": judge})

    def labels(self) -> list[Label]:
        """Return every judge's word on every text, in the order in which texts were first judged."""
        return [Label(key, label, judge) for (key, judge), label in self._said.items()]

    def by(self, judge: str) -> dict[str, str]:
        """Return what one judge said, by key, in order."""
        return {key: label for (key, name), label in self._said.items() if name == judge}

    def _append(self, row: dict[str, Any]) -> None:
        self._lines.append({**row, "at": datetime.now(timezone.utc).isoformat(timespec="seconds")})
        self._take(row)

    def _take(self, row: Mapping[str, Any]) -> None:
        place = (str(row.get("key")), str(row.get("judge")))
        self._said.pop(place, None)
        if not row.get("undone") and row.get("label") in LABELS:
            self._said[place] = str(row["label"])


def settled(labels: Iterable[Label]) -> dict[str, str]:
    """Return the label of each text that can be learned from, by key.

    People outvote models. Texts on which people disagree, or models where no person was asked, are left out, and so are
    those of which nobody is sure.
    """
    said: dict[str, dict[bool, set[str]]] = {}
    for one in labels:
        if one.label != UNSURE:
            said.setdefault(one.key, {}).setdefault(one.judge.startswith(MODEL), set()).add(one.label)
    words = {key: by_kind.get(False) or by_kind[True] for key, by_kind in said.items()}
    # A guard that finds a text harmless does not contradict a judge who finds it junk, or good.
    words = {key: found - {HARMLESS} if found & {KEEP, JUNK} else found for key, found in words.items()}
    return {key: next(iter(found)) for key, found in words.items() if len(found) == 1}


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if not file.tell():
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
