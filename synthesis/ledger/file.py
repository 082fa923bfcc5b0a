"""The file of the ledger: lines are added in groups, each group on disk before any of it counts.

A group is written and synced by a thread while the next one gathers, so that a slow disk delays requests by
milliseconds and never stops them. A line that a kill tore is cut off when the file is next opened: nothing counted it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from hanhua.artifacts.files import fsync_folder
from hanhua.errors import HanhuaError, InputError, UsageError
from hanhua.progress import say
from hanhua.synthesis.ledger.records import Cost, Entry, cost_of, entry_of

RESERVE = ".reserve"
ENDED = ("answer", "refused")


class Ledger:
    """What was asked and answered. spent: what all of it has cost, or may have. Open it with `open_ledger`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.spent = Cost()
        self.attempts = 0
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}
        self._size = 0
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._reserve = path.with_name(path.name + RESERVE)
        self.is_disk_full = False
        """Whether the space put aside has been used: no request may be sent any more."""
        self._load()

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def keys(self) -> Iterator[str]:
        """Yield the keys of all requests that have ended."""
        yield from self._places

    def entry(self, key: str) -> Entry:
        """Return how a request ended, read from the disk."""
        place, length = self._places[key]
        return entry_of(json.loads(os.pread(self._file.fileno(), length, place)))

    async def add(self, line: dict[str, Any]) -> None:
        """Add a line and return when it is on disk. Raises HanhuaError when the disk takes no more."""
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        place = await done
        self._note(line, place, len(data))

    def add_now(self, lines: list[dict[str, Any]]) -> None:
        """Add lines outside of an event loop, such as those of a batch file."""
        packed = [json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for line in lines]
        place = self._size
        self._append(b"".join(packed))
        for line, data in zip(lines, packed, strict=True):
            self._note(line, place, len(data))
            place += len(data)

    def keep_space(self, size: int) -> None:
        """Put so many bytes aside on the disk, which are given free when it is full: for the answers under way then."""
        with self._reserve.open("wb") as file:
            for start in range(0, size, 1 << 20):
                file.write(bytes(min(1 << 20, size - start)))
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Let go of the file, and of the space put aside."""
        self._reserve.unlink(missing_ok=True)
        self._file.close()

    async def _write_all(self) -> None:
        """Write what waits, one group after the other, until nothing does."""
        while self._waiting:
            group, self._waiting = self._waiting, []
            place = self._size
            try:
                await asyncio.to_thread(self._append, b"".join(data for data, _ in group))
            except HanhuaError as error:
                for _, done in group:
                    if not done.cancelled():
                        done.set_exception(error)
                continue
            for data, done in group:
                if not done.cancelled():
                    done.set_result(place)
                place += len(data)

    def _append(self, data: bytes) -> None:
        try:
            self._put(data)
        except OSError as error:
            os.ftruncate(self._file.fileno(), self._size)
            self.is_disk_full = True
            if not self._reserve.exists():
                raise HanhuaError(f"{self.path}: {error}; free some space and run the same command again") from error
            self._reserve.unlink()
            say(f"synthesis: {self.path}: {error}; the answers under way go into the space put aside for them")
            self._append(data)

    def _put(self, data: bytes) -> None:
        view, place = memoryview(data), self._size
        while view:
            written = os.pwrite(self._file.fileno(), view, place)
            view, place = view[written:], place + written
        os.fsync(self._file.fileno())
        self._size = place

    def _load(self) -> None:
        """Read what is there; cut off a last line that a kill tore."""
        open_attempts: dict[int, Cost] = {}
        place = 0
        for data in self._file:
            line = _parsed(data)
            if line is None and data.endswith(b"\n"):
                raise InputError(f"{self.path}: damaged at byte {place:,}; remove that line, or the file to begin anew")
            if line is None:
                os.ftruncate(self._file.fileno(), place)
                say(f"synthesis: {self.path}: cut off the last {len(data):,} bytes, which a kill had left half written")
                break
            self._note(line, place, len(data))
            if "asked" in line:
                open_attempts[line["attempt"]] = cost_of(line)
            else:
                open_attempts.pop(line["attempt"], None)
            place += len(data)
        self._size = place
        for cost in open_attempts.values():
            self.spent += cost

    def _note(self, line: dict[str, Any], place: int, length: int) -> None:
        """Count a line that is on disk."""
        self.attempts = max(self.attempts, line["attempt"])
        for kind in ENDED:
            if kind in line:
                self._places[line[kind]] = (place, length)
        if "asked" not in line:
            self.spent += cost_of(line)

    def next_attempt(self) -> int:
        """Return a number for an attempt that no earlier one has."""
        self.attempts += 1
        return self.attempts


def _parsed(data: bytes) -> dict[str, Any] | None:
    """Return a whole line's content; None for anything else."""
    if not data.endswith(b"\n"):
        return None
    try:
        line = json.loads(data)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "attempt" in line else None


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open a ledger for this process alone, made when there is none. Raises UsageError when another one holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(f"{path}: another process is asking with this ledger; wait for it") from None
    try:
        new = not path.exists()
        with path.open("a+b") as made:
            made.flush()
        if new:
            fsync_folder(path.parent)
        with path.open("r+b") as file:
            ledger = Ledger(path, file)
            try:
                yield ledger
            finally:
                ledger.close()
    finally:
        lock.release()
