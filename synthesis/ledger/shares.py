"""Ledgers of several machines, one for each share of the requests, and their way into the run's own.

A share is taken in by copying its answers and then deleting its file. A kill between the two has what its failed
attempts cost counted twice, and no answer: more is taken for spent than was, never less.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from hanhua.progress import say
from hanhua.synthesis.ledger.file import ENDED, Ledger, open_ledger
from hanhua.synthesis.ledger.records import Cost, cost_of, ended_line, failed_line

PATTERN = "share-*-of-*.jsonl"
LINES_AT_ONCE = 1000


def share_path(ledger: Path, task: int, tasks: int) -> Path:
    """Return the file of one share, beside the run's own ledger.

    >>> share_path(Path("run/ledger.jsonl"), 3, 16).name
    'share-00003-of-00016.jsonl'
    """
    return ledger.with_name(f"share-{task:05d}-of-{tasks:05d}.jsonl")


def shares_beside(ledger: Path) -> list[Path]:
    """Return the shares that lie beside a ledger, in order."""
    return sorted(ledger.parent.glob(PATTERN))


def ended_in(paths: Iterable[Path]) -> tuple[set[str], Cost]:
    """Return the keys of all requests that ended in ledgers that others may be writing, and what their lines cost."""
    keys, spent = set[str](), Cost()
    for path in paths:
        for data in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
            if not data.endswith(b"\n"):
                break  # half a line: its writer is at it
            line = json.loads(data)
            keys.update(line[kind] for kind in ENDED if kind in line)
            spent += cost_of(line) if "asked" not in line else Cost()
    return keys, spent


def take_in_shares(ledger: Ledger) -> int:
    """Copy what the shares beside a ledger hold into it, delete them, and return how many answers were new.

    Raises UsageError while a task is still asking.
    """
    taken = sum(_take_in(path, ledger) for path in shares_beside(ledger.path))
    if taken:
        say(f"synthesis: {taken:,} answers of other machines taken into {ledger.path}")
    return taken


def _take_in(path: Path, ledger: Ledger) -> int:
    with open_ledger(path) as share:
        lines, answered, taken = [], Cost(), 0
        for key in list(share.keys()):
            entry = share.entry(key)
            answered += entry.cost
            if key not in ledger:
                lines.append(ended_line(key, ledger.next_attempt(), entry))
                taken += 1
            if len(lines) == LINES_AT_ONCE:
                ledger.add_now(lines)
                lines = []
        lost = share.spent - answered
        if lost.tokens > 0:
            lines.append(failed_line("", ledger.next_attempt(), f"attempts in {path.name} without an answer", lost))
        ledger.add_now(lines)
    path.unlink()
    return taken
