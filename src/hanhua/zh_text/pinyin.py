"""Toneless pinyin of folded text, one code per character: characters that sound alike become equal (时时彩, 石十采).

One reading per character, the most frequent one; what decides by it must bear that 乐 is also yue.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from hanhua.zh_text.folding import Codes

# Syllables are code points of a private use area, which folding drops, so they never meet those of a text.
FIRST_SYLLABLE = 0xE000
_TABLE_SIZE = 0x10000


@cache
def readings() -> dict[str, str]:
    """Return the syllable of every character that has one.

    >>> readings()["赌"]
    'du'
    """
    return {character: syllable for syllable, characters in _syllables() for character in characters}


@cache
def characters_read(syllable: str) -> str:
    """Return the characters most often read as this syllable, in code point order; none when it is none."""
    return dict(_syllables()).get(syllable, "")


def syllable_codes(folded: Codes) -> Codes:
    """Return the codes with each Han character replaced by its syllable's code; others stay.

    >>> from hanhua.zh_text.folding import code_points
    >>> bool((syllable_codes(code_points("赌a博")) == syllable_codes(code_points("堵a搏"))).all())
    True
    """
    table = _table()
    if folded.size and int(folded.max()) >= _TABLE_SIZE:
        return np.where(folded < _TABLE_SIZE, table[np.minimum(folded, _TABLE_SIZE - 1)], folded)
    return table.take(folded)


def syllable_text(folded: str) -> str:
    """Return a folded text as a string of the same length, in which characters with the same sound are equal."""
    codes: npt.NDArray[np.uint32] = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return syllable_codes(codes).tobytes().decode("utf-32-le", "surrogatepass")


@cache
def _syllables() -> tuple[tuple[str, str], ...]:
    text = files("hanhua.zh_text").joinpath("pinyin.txt").read_text(encoding="utf-8")
    pairs = (line.split(" ") for line in text.splitlines() if not line.startswith("#"))
    return tuple((syllable, characters) for syllable, characters in pairs)


@cache
def _table() -> Codes:
    table = np.arange(_TABLE_SIZE, dtype=np.uint32)
    for number, (_, characters) in enumerate(_syllables()):
        table[[ord(character) for character in characters]] = FIRST_SYLLABLE + number
    return table
