"""Written answers against the right ones. No torch."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_MARKS = ("P", "S", "Z")


@dataclass(frozen=True)
class Compared:
    """`correct` is what accuracy counts; `overlap` the share of common characters, 0 to 1."""

    correct: bool
    overlap: float


def compare_written(text: str, answers: Sequence[str], *, metric: str) -> Compared:
    """Compare a reply with the right answers, any of which will do.

    number: its last number is the answer's. exact: equal but for case, width, marks and spaces. contains: holds
    the answer. overlap: exact, with the F1 of common characters in addition (as CMRC 2018 counts).
    """
    overlap = max(_f1(_bare(text), _bare(answer)) for answer in answers)
    return Compared(any(_METRICS[metric](text, answer) for answer in answers), overlap)


def _number(text: str, answer: str) -> bool:
    numbers, wanted = (_NUMBER.findall(unicodedata.normalize("NFKC", one)) for one in (text, answer))
    return bool(numbers and wanted) and float(numbers[-1].replace(",", "")) == float(wanted[-1].replace(",", ""))


def _exact(text: str, answer: str) -> bool:
    return _bare(text) == _bare(answer)


def _contains(text: str, answer: str) -> bool:
    return _bare(answer) in _bare(text)


_METRICS: dict[str, Callable[[str, str], bool]] = {
    "number": _number,
    "exact": _exact,
    "overlap": _exact,
    "contains": _contains,
}


def _bare(text: str) -> str:
    """Return a text without marks, spaces, width and case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if not unicodedata.category(c).startswith(_MARKS))


def _f1(text: str, answer: str) -> float:
    common = sum((Counter(text) & Counter(answer)).values())
    return 2 * common / (len(text) + len(answer)) if common else 0.0
