"""Which run folders a process is at work in, told without taking their locks.

`hanhua status` tries the lock to find out; a page that did so every second would, for an instant each time, keep a run
that is just starting out of its own folder.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

LOCKS = Path("/proc/locks")
FRESH_SECONDS = 45.0
"""A run says something at least every ten seconds; without /proc/locks, one silent for so long has ended."""


@dataclass(frozen=True)
class HeldLocks:
    """The inodes that are locked on this machine, each with the processes that hold it; None where none can be told."""

    holders: dict[int, tuple[int, ...]] | None

    @classmethod
    def now(cls, source: Path = LOCKS) -> HeldLocks:
        """Read the kernel's table of locks (proc(5): `1: FLOCK ADVISORY WRITE pid major:minor:inode start end`)."""
        try:
            lines = source.read_text(encoding="ascii").splitlines()
        except OSError:
            return cls(None)
        holders: dict[int, tuple[int, ...]] = {}
        for line in lines:
            words = line.split()
            if len(words) < 6 or "->" in words:  # one that waits for a lock holds none
                continue
            inode, pid = int(words[5].rpartition(":")[2]), int(words[4])
            holders[inode] = (*holders.get(inode, ()), pid)
        return cls(holders)

    def hold(self, lock: Path) -> bool:
        """Return whether a process holds this lock file."""
        try:
            inode = lock.stat().st_ino
        except OSError:
            return False
        if self.holders is None:
            return _spoke_lately(lock.parent)
        return any(_has_open(pid, lock) for pid in self.holders.get(inode, ()))


def _has_open(pid: int, lock: Path) -> bool:
    """Return whether it is this file the process has locked, and not one of the same inode number on another disk."""
    try:
        return any(link.samefile(lock) for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists())
    except OSError:
        return True  # somebody else's process: its files cannot be looked at


def _spoke_lately(root: Path) -> bool:
    log = root / "run.log"
    return log.is_file() and time.time() - log.stat().st_mtime < FRESH_SECONDS
