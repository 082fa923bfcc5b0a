"""The ceiling: a request is sent only if all that is under way, at the most it may cost, stays below.

So the ceiling holds whatever the answers turn out to be; near it fewer are under way, and what is not used is given
back as they come in.
"""

from __future__ import annotations

import asyncio

from hanhua.errors import HanhuaError
from hanhua.synthesis.ledger.records import Cost

ROUNDING = 1e-9
"""Sums of dollars may be off by less than this."""


class CeilingReached(HanhuaError):
    """What is left below the ceiling does not pay for another request."""


class Budget:
    """Counts what is spent and what is promised to requests under way. max_tokens, max_dollars: None for no ceiling."""

    def __init__(self, spent: Cost, *, max_tokens: int | None, max_dollars: float | None) -> None:
        self.spent, self.promised = spent, Cost()
        self._max_tokens, self._max_dollars = max_tokens, max_dollars
        self._changed = asyncio.Event()

    async def promise(self, most: Cost) -> None:
        """Wait until the most a request may cost is there. Raises CeilingReached when it never will be."""
        while not self._fits(self.spent + self.promised + most):
            if not self._fits(self.spent + most) or self.promised.tokens <= 0:
                raise CeilingReached(self._message(most))
            self._changed.clear()
            await self._changed.wait()
        self.promised += most

    def settle(self, most: Cost, real: Cost) -> None:
        """Give back what was promised, and count what it really cost."""
        self.promised -= most
        self.spent += real
        self._changed.set()

    def _fits(self, cost: Cost) -> bool:
        if self._max_tokens is not None and cost.tokens > self._max_tokens:
            return False
        return self._max_dollars is None or cost.dollars <= self._max_dollars + ROUNDING

    def _message(self, most: Cost) -> str:
        ceilings = [] if self._max_tokens is None else [f"max_tokens: {self._max_tokens:,}"]
        ceilings += [] if self._max_dollars is None else [f"max_dollars: {self._max_dollars:,.2f}"]
        return (
            f"the ceiling is reached ({', '.join(ceilings)}): {self.spent.tokens:,} tokens and "
            f"${self.spent.dollars:,.2f} are spent, and one more request may cost {most.tokens:,} tokens and "
            f"${most.dollars:,.4f}; raise it under synthesis.asking, and what is answered is not asked again"
        )
