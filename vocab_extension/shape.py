"""Which strings may become new tokens, by their form alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from hanhua.zh_text.scripts import HAN

Glued = Literal["none", "extend", "all"]


@dataclass(frozen=True)
class TokenShape:
    """The form of a new token: one to `max_characters` Han characters, perhaps after one space or mark.

    Every such token holds a whole Han character, and UTF-8 never hides one character inside another, so
    the token occurs only where the text has that character: text without Han cannot change.
    """

    max_characters: int
    glued: Glued

    @cached_property
    def _wanted(self) -> re.Pattern[str]:
        mark = "" if self.glued == "none" else r"[^\w\r\n]?"
        return re.compile(f"{mark}[{HAN}]{{1,{self.max_characters}}}")

    @cached_property
    def _part(self) -> re.Pattern[str]:
        bare_mark = r"|[^\w\r\n]" if self.glued == "all" else ""
        return re.compile(f"{self._wanted.pattern}{bare_mark}")

    def is_wanted(self, data: bytes) -> bool:
        """Return whether the bytes have the form of a new token."""
        return _matches(self._wanted, data)

    def may_be_part(self, data: bytes) -> bool:
        """Return whether a base token of these bytes may be inside a new token."""
        return _matches(self._part, data)


def _matches(pattern: re.Pattern[str], data: bytes) -> bool:
    try:
        return pattern.fullmatch(data.decode()) is not None
    except UnicodeDecodeError:
        return False
