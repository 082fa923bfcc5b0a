"""Written answers against the right ones. No torch."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hanhua.eval.tasks.cmrc_score import cmrc_exact, cmrc_f1
from hanhua.eval.tasks.reply_numbers import read_number

_MARKS = ("P", "S", "Z")
_DENIALS = re.compile(
    r"(?:不是|并非|而非|绝非|不属于|不叫|不在|不为|没有|不应是|不会是|不能是|\bnot|n't|\brather than|\binstead of)"
    r"(?:的)?(?: in| at)?(?: the| an| a)?[\s“”\"'‘’「『《（(]*$",
    re.IGNORECASE,
)
_BEFORE_CHARACTERS = 16


@dataclass(frozen=True)
class Compared:
    """`correct` is what accuracy counts; `overlap` is CMRC 2018's F1, 0 to 1."""

    correct: bool
    overlap: float


def compare_written(text: str, answers: Sequence[str], *, metric: str) -> Compared:
    """Compare a reply with the right answers, any of which will do.

    number: the number it gives is the answer's (see `read_number`). exact: equal but for case, width, marks and spaces.
    contains: holds the answer, as a whole word or number, and does not deny it there. overlap: CMRC 2018's own exact
    match, with its F1 in addition.
    """
    overlap = max(cmrc_f1(text, answer) for answer in answers)
    return Compared(any(_METRICS[metric](text, answer) for answer in answers), overlap)


def _number(text: str, answer: str) -> bool:
    found, wanted = read_number(text), read_number(answer)
    return found is not None and found == wanted


def _exact(text: str, answer: str) -> bool:
    return _bare(text) == _bare(answer)


def _contains(text: str, answer: str) -> bool:
    """Return whether a text says the answer: not as a part of another number or word, and not after "is not"."""
    letters = [(character, place) for place, character in _folded(text)]
    bare, wanted = "".join(character for character, _ in letters), _bare(answer)
    start = bare.find(wanted) if wanted else -1
    while start >= 0:
        first, last = letters[start][1], letters[start + len(wanted) - 1][1]
        before = text[max(first - _BEFORE_CHARACTERS, 0) : first]
        if _stands_alone(text, first, last, wanted) and not _DENIALS.search(before):
            return True
        start = bare.find(wanted, start + 1)
    return False


def _stands_alone(text: str, first: int, last: int, wanted: str) -> bool:
    """Return whether what is found is no piece of a longer number or Latin word."""
    before, behind = text[:first], text[last + 1 :]
    return not (
        (_is_digit(wanted[0]) and re.search(r"\d[.,]?$", before))
        or (_is_digit(wanted[-1]) and re.match(r"[.,]?\d", behind))
        or (_is_latin(wanted[0]) and re.search(r"[A-Za-zÀ-ɏ]$", before))
        or (_is_latin(wanted[-1]) and re.match(r"[A-Za-zÀ-ɏ]", behind))
    )


_METRICS: dict[str, Callable[[str, str], bool]] = {
    "number": _number,
    "exact": _exact,
    "overlap": cmrc_exact,
    "contains": _contains,
}


def _folded(text: str) -> list[tuple[int, str]]:
    """Return the letters and figures of a text without width and case, each with its place in the text."""
    found = []
    for place, character in enumerate(text):
        for folded in unicodedata.normalize("NFKC", character).casefold():
            if not unicodedata.category(folded).startswith(_MARKS):
                found.append((place, folded))
    return found


def _bare(text: str) -> str:
    """Return a text without marks, spaces, width and case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if not unicodedata.category(c).startswith(_MARKS))


def _is_digit(character: str) -> bool:
    return character.isdecimal()


def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN")
