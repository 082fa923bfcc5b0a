"""How many requests are under way at a time: what the server bears, found by asking more until it says wait.

As TCP does it: one more for each answer until the server first says wait, from then on one more a round; half as many
whenever it says so, once a round, since all that were sent before the halving will say the same.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Gate:
    """Lets requests through while fewer than `limit` are under way. highest: the largest limit it had."""

    def __init__(self, *, first: int, most: int) -> None:
        self.limit = float(min(first, most))
        self.highest = self.limit
        self.under_way = 0
        self.halvings = 0
        self._most = most
        self._finding = True
        self._halved_at = -1.0
        self._paused_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait until one more request may be sent, and count it as under way."""
        while True:
            now = asyncio.get_running_loop().time()
            if now < self._paused_until:
                await asyncio.sleep(self._paused_until - now)
            elif self.under_way < int(self.limit):
                self.under_way += 1
                return
            else:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                await turn

    def leave(self) -> None:
        """Count a request as no longer under way."""
        self.under_way -= 1
        self._wake()

    def answered(self) -> None:
        """Take note of an answer: the server bears what it is asked, and perhaps more."""
        step = 1.0 if self._finding else 1.0 / self.limit
        self.limit = min(self.limit + step, float(self._most))
        self.highest = max(self.highest, self.limit)
        self._wake()

    def slow_down(self, sent_at: float, *, wait_seconds: float | None = None) -> None:
        """Take note that the server said wait to a request sent at a time of the loop's clock."""
        now = asyncio.get_running_loop().time()
        if wait_seconds is not None:
            self._paused_until = max(self._paused_until, now + wait_seconds)
        self._finding = False
        if sent_at <= self._halved_at:
            return
        self._halved_at = now
        self.halvings += 1
        self.limit = max(self.limit / 2, 1.0)

    def _wake(self) -> None:
        """Let as many go on as there is room for."""
        room = int(self.limit) - self.under_way
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1
