"""What a model answered before, on disk: safe to kill at any moment, and never mixed between models.

One SQLite file per model *content* (weights and tokenizer), precision and kind of device; two checkpoints at one path
in turn have two. A row's key is the hash of the request: kind, token ids, settings. Each batch is one transaction,
so after `kill -9` there is all of a batch or nothing of it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

FORMAT = 1
_ASK_AT_ONCE = 500


class Responses:
    """Answers by key; `None` for a path keeps nothing beyond the process."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(":memory:" if path is None else path, timeout=60)
        # Write-ahead: a reader of another process is not kept waiting, and a kill leaves the last whole transaction.
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.execute("CREATE TABLE IF NOT EXISTS responses (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return what is known of the keys."""
        found: dict[bytes, bytes] = {}
        for some in _chunks(list(keys)):
            marks = ",".join("?" * len(some))
            rows = self._file.execute(f"SELECT key, value FROM responses WHERE key IN ({marks})", some)
            found.update(rows)
        return found

    def put_many(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep rows, all or none of them."""
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO responses VALUES (?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def request_key(kind: str, *parts: Sequence[int] | str) -> bytes:
    """Return the key of a request: 16 bytes of BLAKE2b over its kind, token ids and settings, each with its length."""
    digest = hashlib.blake2b(f"{FORMAT}:{kind}".encode(), digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else np.asarray(part, dtype="<i4").tobytes()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


def _chunks(keys: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), _ASK_AT_ONCE):
        yield keys[start : start + _ASK_AT_ONCE]
