"""What a text is made of: one table lookup and one count per text, shared by every rule.

Each code point has a class; the counts of a text are one `bincount`, at a few hundred MB per second.

Shape suffixes: K classes, D documents.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hanhua.filtering.joined import Joined, join
from hanhua.zh_text.scripts import HAN, Script, one_sided_characters

_TABLE_SIZE = 0x110000
(
    OTHER, SPACE, DIGIT, ASCII_LETTER, LATIN, KANA, HANGUL, CYRILLIC, LETTER, PUNCTUATION, ASCII_MARK, SYMBOL,
    CONTROL, PRIVATE, INVISIBLE, REPLACEMENT, HAN_CLASS,
) = range(17)  # fmt: skip
# Han takes six classes from HAN_CLASS on: neutral, Simplified only, Traditional only; and three more for
# the characters that UTF-8 read as GBK is full of.
_HAN_CLASSES = 6
CLASSES = HAN_CLASS + _HAN_CLASSES

_INVISIBLE = {0xAD, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_LINE_BREAKS = {0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029}


class Profile(NamedTuple):
    """Counts of characters by kind. `visible` is all but spaces; `letters` is of every script."""

    characters: int
    visible: int
    letters: int
    digits: int
    han: int
    kana: int
    hangul: int
    latin: int
    cyrillic: int
    other_letters: int
    latin_supplement: int
    marks: int
    symbols: int
    unclean: int
    replacements: int
    gbk_mojibake: int
    hans_only: int
    hant_only: int

    @property
    def weighed_letters(self) -> float:
        """Letters, where four of an alphabet count as one Han character (a word is about one and a half)."""
        return self.han + self.kana + self.hangul + (self.latin + self.cyrillic + self.other_letters) / 4

    @property
    def script(self) -> Script:
        """Simplified, Traditional, mixed, neutral or none, as `hanhua.zh_text.scripts.chinese_script` has it."""
        evidence = self.hans_only + self.hant_only
        if not evidence:
            return "neutral" if self.han else "none"
        if min(self.hans_only, self.hant_only) > 0.2 * evidence:
            return "mixed"
        return "hans" if self.hans_only > self.hant_only else "hant"


def profiles(texts: Joined) -> list[Profile]:
    """Count the characters of each text by kind."""
    classes, count = _class_table().take(texts.codes).astype(np.intp), len(texts.bounds)
    # Each text has classes of its own, so that one count serves all.
    classes += np.repeat(np.arange(0, count * CLASSES, CLASSES), np.diff(texts.starts))
    n_KD = np.bincount(classes, minlength=count * CLASSES).reshape(count, CLASSES).T
    han_KD = n_KD[HAN_CLASS:]
    han, latin = han_KD.sum(axis=0), n_KD[ASCII_LETTER] + n_KD[LATIN]
    characters = n_KD.sum(axis=0)
    columns = {
        "characters": characters,
        "visible": characters - n_KD[SPACE],
        "letters": han + n_KD[KANA] + n_KD[HANGUL] + latin + n_KD[CYRILLIC] + n_KD[LETTER],
        "digits": n_KD[DIGIT],
        "han": han,
        "kana": n_KD[KANA],
        "hangul": n_KD[HANGUL],
        "latin": latin,
        "cyrillic": n_KD[CYRILLIC],
        "other_letters": n_KD[LETTER],
        "latin_supplement": n_KD[LATIN],
        "marks": n_KD[PUNCTUATION] + n_KD[ASCII_MARK] + n_KD[SYMBOL],
        "symbols": n_KD[SYMBOL],
        "unclean": n_KD[CONTROL] + n_KD[PRIVATE] + n_KD[INVISIBLE],
        "replacements": n_KD[REPLACEMENT],
        "gbk_mojibake": han_KD[3:].sum(axis=0),
        "hans_only": han_KD[1] + han_KD[4],
        "hant_only": han_KD[2] + han_KD[5],
    }
    return list(map(Profile._make, np.stack([columns[name] for name in Profile._fields], axis=1).tolist()))


def profile_of(text: str) -> Profile:
    """Count the characters of one text by kind."""
    return profiles(join([text]))[0]


@cache
def _class_table() -> npt.NDArray[np.uint8]:
    table = np.full(_TABLE_SIZE, OTHER, dtype=np.uint8)
    kinds = list(map(unicodedata.category, map(chr, range(0x32400))))
    # Letters beyond the alphabets are two thirds of all; what is unassigned stays as it is.
    table[:0x32400][[kind == "Lo" for kind in kinds]] = LETTER
    for code, kind in enumerate(kinds):
        if kind != "Cn" and (kind != "Lo" or code < _LAST_ALPHABET):
            table[code] = _class_of(code)
    table[list(_INVISIBLE)] = INVISIBLE
    table[list(_LINE_BREAKS)] = CONTROL
    table[0xFFFD] = REPLACEMENT
    table[0xE000:0xF900] = PRIVATE
    table[0xD800:0xE000] = PRIVATE
    table[0xF0000:] = PRIVATE
    table[[0xFFFE, 0xFFFF]] = PRIVATE
    table[0xE0000:0xF0000] = LETTER  # tags and variation selectors: as marks on letters
    only_hans, only_hant = one_sided_characters()
    for match in re.finditer(f"[{HAN}]", "".join(map(chr, (*range(0x3000, 0xD800), *range(0xF900, 0x32400))))):
        character = match[0]
        side = 1 if character in only_hans else 2 if character in only_hant else 0
        table[ord(character)] = HAN_CLASS + 3 * _looks_misread(character) + side
    return table


def _class_of(code: int) -> int:
    character = chr(code)
    category = unicodedata.category(character)
    if code in (0x09, 0x0A) or category[0] == "Z":
        return SPACE
    if category == "Nd":
        return DIGIT
    if category[0] in "LM":
        return _letter_class(code)
    if category == "Cc":
        return CONTROL
    if category[0] in "PS" and code < 0x80:
        return ASCII_MARK
    if category[0] == "P":
        return PUNCTUATION
    if 0x2500 <= code < 0x2580:
        return PUNCTUATION  # box drawing: Taiwan's statutes draw their tables with it
    # Circled numbers are what symbol walls are made of; Roman numerals are not.
    return SYMBOL if category[0] == "S" or 0x2460 <= code < 0x2500 else LETTER if category[0] == "N" else OTHER


def _letter_class(code: int) -> int:
    if code < 0x80:
        return ASCII_LETTER
    for kind, ranges in _LETTER_RANGES:
        if any(begin <= code < end for begin, end in ranges):
            return kind
    return LETTER


_LAST_ALPHABET = 0x10000
_LETTER_RANGES = (
    (LATIN, ((0xAA, 0x250), (0x1E00, 0x1F00), (0xFF21, 0xFF5B))),
    (KANA, ((0x3041, 0x3100), (0x31F0, 0x3200), (0xFF66, 0xFFA0))),
    (HANGUL, ((0x1100, 0x1200), (0x3131, 0x3190), (0xAC00, 0xD7B0))),
    (CYRILLIC, ((0x400, 0x530),)),
)


def _looks_misread(character: str) -> bool:
    """Return whether the character's GBK bytes are the first two of a Chinese character in UTF-8 (涓: E4 B8)."""
    if ord(character) > 0xFFFF:  # GBK has none of these
        return False
    try:
        first, second = character.encode("gbk")
    except (UnicodeEncodeError, ValueError):
        return False
    return 0xE4 <= first <= 0xE9 and 0x80 <= second <= 0xBF
