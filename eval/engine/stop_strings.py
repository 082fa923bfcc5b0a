"""Whether a reply has come to a string at which it is to stop; looked at only when its last token could end one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TAIL_TOKENS = 16
"""How many of the last tokens are read again: a stop string takes fewer."""


class StopStrings:
    """Stop strings, and for each token met so far whether it could end one."""

    def __init__(self, tokenizer: Any, stops: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._stops = [stop for stop in stops if stop]
        self._last = {stop[-1] for stop in self._stops}
        self._may_end: dict[int, bool] = {}

    def reached(self, tokens: Sequence[int]) -> bool:
        """Return whether one of the strings is in the text of the last tokens."""
        if not self._stops or not self._could_end(tokens[-1]):
            return False
        tail = str(self._tokenizer.decode(list(tokens[-TAIL_TOKENS:]), skip_special_tokens=True))
        return any(stop in tail for stop in self._stops)

    def _could_end(self, token: int) -> bool:
        if token not in self._may_end:
            text = str(self._tokenizer.decode([token]))
            # A token that is part of a character may be the end of any.
            self._may_end[token] = "\ufffd" in text or any(character in self._last for character in text)
        return self._may_end[token]
