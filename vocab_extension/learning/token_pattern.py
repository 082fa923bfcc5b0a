"""Which strings may become new tokens, by their symbol alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from hanhua.zh_text.scripts import HAN, is_han_prefix

LeadingMark = Literal["none", "extend", "all"]
_CONTINUATION = bytes(range(0x80, 0xC0))


@dataclass(frozen=True)
class Form:
    """What a string of bytes is made of: perhaps one space or mark, then Han characters.

    starts_inside, ends_inside: its first bytes end a character, or its last ones begin one. characters: those
    that are whole.
    """

    marked: bool
    characters: int
    starts_inside: bool
    ends_inside: bool


@dataclass(frozen=True)
class TokenPattern:
    """The form of a new token: one to `max_characters` Han characters, perhaps after one space or mark.

    Or the beginning of a character, where every character so begun is Han. Both occur only in text that has a
    Han character, since UTF-8 hides no character inside another: text without Han cannot change.
    """

    max_characters: int
    glued: LeadingMark

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        mark = "" if self.glued == "none" else r"[^\w\r\n]?"
        return re.compile(f"{mark}[{HAN}]{{1,{self.max_characters}}}")

    @cached_property
    def _part(self) -> re.Pattern[str]:
        mark = "()" if self.glued == "none" else r"([^\w\r\n]?)"
        return re.compile(f"{mark}[{HAN}]{{0,{self.max_characters}}}")

    def is_wanted(self, data: bytes) -> bool:
        """Return whether the bytes have the form of a new token."""
        try:
            return self._whole.fullmatch(data.decode()) is not None
        except UnicodeDecodeError:
            return is_han_prefix(data)

    def form_of(self, data: bytes) -> Form | None:
        """Return what the bytes are made of; None when they may not be inside a new token."""
        rest = data.lstrip(_CONTINUATION)
        text, ends_inside = _decoded(rest)
        found = None if text is None else self._part.fullmatch(text)
        if text is None or found is None or not data:
            return None
        marked, starts_inside = bool(found[1]), len(rest) < len(data)
        if marked and (starts_inside or (self.glued == "extend" and text == found[1])):
            return None
        # Continuation bytes alone may be the middle of a character as well as its end.
        return Form(marked, len(text) - marked, starts_inside, ends_inside or not rest)


def _decoded(data: bytes) -> tuple[str | None, bool]:
    """Return the whole characters, and whether bytes of another follow; None when the bytes are no UTF-8."""
    try:
        return data.decode(), False
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return None, False
        return data[: error.start].decode(), True
