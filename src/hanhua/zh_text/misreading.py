"""Chinese in UTF-8 that somebody read as GBK: 鎴戜滑 for 我们, 锛 for the first two bytes of a comma."""

from __future__ import annotations

from hanhua.zh_text.scripts import is_han

_CHARACTER_BYTES = 3
_COMMON_ROWS = range(0xB0, 0xD8)
"""Rows 16–55 of GB 2312 with 0xA0 added: level 1, the 3,755 common characters."""
_LEADS = range(0xE2, 0xF0)
"""What three-byte characters of Chinese text begin with: marks, Han, full-width forms."""


def is_misread(text: str) -> bool:
    """Return whether most characters are rare ones, and the GBK bytes of all a piece of Chinese text in UTF-8.

    By round trip: the bytes, from the first whole character on, must be UTF-8; the last may be cut off. A single
    character may satisfy this and be right (涓 of 涓涓细流): then how often it is met has to decide.

    >>> is_misread("鎴戜滑"), is_misread("锛"), is_misread("规定"), is_misread("涓涓")
    (True, True, False, False)
    """
    try:
        data = text.encode("gbk")
    except UnicodeEncodeError:
        return False
    if not is_han(text) or len(data) != 2 * len(text):
        return False
    if 2 * sum(map(_is_common, data[::2], data[1::2])) >= len(text):
        return False
    begin = next((at for at, byte in enumerate(data) if byte & 0xC0 != 0x80), len(data))
    if begin >= _CHARACTER_BYTES:
        return False
    return all(_begins_character(data[at : at + _CHARACTER_BYTES]) for at in range(begin, len(data), _CHARACTER_BYTES))


def _begins_character(data: bytes) -> bool:
    return data[0] in _LEADS and all(byte & 0xC0 == 0x80 for byte in data[1:])


def _is_common(first: int, second: int) -> bool:
    return first in _COMMON_ROWS and second >= 0xA1
