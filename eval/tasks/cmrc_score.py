"""CMRC 2018's own scores: exact match, and the F1 over the longest common run of segments.

Source: `cmrc2018_evaluate.py` of https://github.com/ymcui/cmrc2018. A segment is a Chinese character, or a word or
figure of other text; there nltk cuts those, here a pattern that agrees on words, figures and single marks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARKS = set("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』") | {"……"}
_SEGMENT = re.compile(r"\d+(?:[.,]\d+)*|\w+|[^\w\s]")


def cmrc_exact(text: str, answer: str) -> bool:
    """Return whether two texts are equal but for case and the marks of the official list."""
    return _without_marks(text) == _without_marks(answer)


def cmrc_f1(text: str, answer: str) -> float:
    """Return the F1 of the longest run of segments that both have, over all segments of each.

    >>> cmrc_f1("京北是都首", "首都是北京"), cmrc_f1("在北京", "北京")
    (0.2, 0.8)
    """
    found, wanted = segments_of(text), segments_of(answer)
    common = _longest_run(found, wanted)
    return 2 * common / (len(found) + len(wanted)) if common else 0.0


def segments_of(text: str) -> list[str]:
    """Return a text's segments without marks: single Chinese characters, and words and figures of other text."""
    segments: list[str] = []
    other = ""
    for character in text.lower().strip():
        if character in _MARKS:
            continue
        if "\u4e00" <= character <= "\u9fa5":
            segments += [*_SEGMENT.findall(other), character]
            other = ""
        else:
            other += character
    return segments + _SEGMENT.findall(other)


def _longest_run(one: Sequence[str], other: Sequence[str]) -> int:
    longest, row = 0, [0] * (len(other) + 1)
    for segment in one:
        above, row = row, [0] * (len(other) + 1)
        for place, candidate in enumerate(other, 1):
            if segment == candidate:
                row[place] = above[place - 1] + 1
                longest = max(longest, row[place])
    return longest


def _without_marks(text: str) -> str:
    return "".join(character for character in text.lower().strip() if character not in _MARKS)
