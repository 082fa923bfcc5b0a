"""What a server refused, held until it is known whether it refuses these requests or all of them.

A refusal among answers is the last word on a request. A server that refuses the first ones, each of them, says
something of itself or of the settings: its context is too small, or it does not take a parameter. To note that as the
last word would leave them refused for ever, since neither is part of a request's key.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanhua.synthesis.ledger.file import Ledger
from hanhua.synthesis.ledger.records import Entry, ended_line, failed_line

FIRST = 20
"""After so many refusals before any answer, it is not the requests."""


@dataclass(frozen=True)
class Refusal:
    """One request that was refused, and in which attempt."""

    key: str
    attempt: int
    entry: Entry


class Refusals:
    """Those that stand in no ledger yet."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: list[Refusal] = []

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, refusal: Refusal) -> None:
        """Take note of one."""
        self._held.append(refusal)

    async def note_as_ended(self) -> int:
        """Write them down as the last word, and return how many they were."""
        held, self._held = self._held, []
        for one in held:
            await self._ledger.add(ended_line(one.key, one.attempt, one.entry))
        return len(held)

    async def note_as_failed(self) -> list[str]:
        """Write them down as attempts that failed, to be made again, and return their keys."""
        held, self._held = self._held, []
        for one in held:
            await self._ledger.add(failed_line(one.key, one.attempt, one.entry.why, one.entry.cost))
        return [one.key for one in held]
