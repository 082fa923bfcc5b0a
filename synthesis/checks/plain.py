"""A text as the checks compare it: Simplified, with figures and marks of full width in their narrow form."""

from __future__ import annotations

import re
from functools import lru_cache

from hanhua.zh_text.conversion import open_converter
from hanhua.zh_text.scripts import chinese_script, is_han

_WIDE = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_MARKS = str.maketrans("％．－−–﹣／＋＝", "%.----/+=")
_THOUSANDS = re.compile(r"(?<=\d)，(?=\d{3}(?!\d))")


@lru_cache(maxsize=64)
def plain(text: str) -> str:
    """Return the comparable view of a text, character for character.

    >>> plain("共１２，３４５萬元")
    '共12,345万元'
    """
    narrow = _THOUSANDS.sub(",", text.translate(_WIDE).translate(_MARKS))
    if chinese_script(narrow) in ("hant", "mixed"):
        simplified = open_converter("t2s")(narrow)
        narrow = simplified if len(simplified) == len(narrow) else narrow
    return narrow


def letters(text: str) -> str:
    """Return the letters and digits of the comparable view, without case, marks and white space."""
    return "".join(filter(str.isalnum, plain(text).casefold()))


def han(text: str) -> str:
    """Return the Han characters of the comparable view."""
    return "".join(filter(is_han, plain(text)))
