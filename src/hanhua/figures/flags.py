"""Warnings about a benchmark's score, in English as scores keep them, and in Chinese for the card."""

from __future__ import annotations

import re
from collections.abc import Callable

_ONE_LETTER = re.compile(r"answers (.+) to (\d+%) of the questions")
_CHANCE = re.compile(r"not above chance \((\d+%)\)")


def one_letter(letter: str, share: float) -> str:
    """Return the flag of a model that gives one letter by habit."""
    return f"answers {letter} to {share:.0%} of the questions"


def at_chance(chance: float) -> str:
    """Return the flag of a score that guessing would reach."""
    return f"not above chance ({chance:.0%})"


_CHINESE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_ONE_LETTER, lambda found: f"{found[2]} 的题目都选 {found[1]}"),
    (_CHANCE, lambda found: f"不高于随机猜测（{found[1]}）"),
)


def flag_in_chinese(flag: str) -> str:
    """Return a flag in Chinese; one of an earlier version that is not known stays as it is.

    >>> flag_in_chinese("answers A to 87% of the questions"), flag_in_chinese("not above chance (25%)")
    ('87% 的题目都选 A', '不高于随机猜测（25%）')
    """
    found = ((pattern.fullmatch(flag), chinese) for pattern, chinese in _CHINESE)
    return next((chinese(match) for match, chinese in found if match), flag)
