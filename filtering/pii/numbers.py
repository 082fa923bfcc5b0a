"""Long numbers: identity cards, mobile phones and bank cards of the mainland, however their digits are grouped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanhua.filtering.pii.checksums import is_bank_card, is_identity_number
from hanhua.filtering.pii.found import Found, is_called_otherwise, stands_free

_GAP = "[ \u00a0\u3000\\-‐–—]"
# Ten digits or more, with at most one space or hyphen between two; an X may end a group.
_NUMBER = re.compile(f"[0-9](?:{_GAP}?[0-9]|[xX](?={_GAP}[0-9])){{9,}}(?:[xX](?![A-Za-z0-9]))?")
_TO_ASCII = str.maketrans("xx‐–—\u00a0\u3000", "XX---  ")

# How the digits are grouped by spaces or hyphens, prefix 86 or 0086 included; Taiwan's after them.
_ID_SHAPES = ((18,), (6, 8, 4), (6, 4, 4, 4), (3, 3, 8, 4))
_MOBILE_SHAPES = ((11,), (3, 4, 4), (13,), (2, 11), (2, 3, 4, 4), (15,), (4, 11), (4, 3, 4, 4))
_TAIWAN_SHAPES = ((10,), (4, 3, 3), (4, 6), (3, 3, 3, 3), (12,), (3, 9))
_MAX_GROUPS, _MAX_CHARACTERS = 5, 24


def find_numbers(text: str, begin: int, stop: int) -> Iterator[Found]:
    """Yield the identity numbers, mobile numbers and bank cards within [begin, stop), in order."""
    for match in _NUMBER.finditer(text, begin, stop):
        yield from _classify(text, match)


def _classify(text: str, match: re.Match[str]) -> Iterator[Found]:
    """Yield the numbers in a run of digit groups that single spaces or hyphens part, longest first."""
    plain = match[0].translate(_TO_ASCII)
    groups = [piece.span() for piece in re.finditer("[0-9X]+", plain)]
    at = 0
    while at < len(groups):
        for last in range(min(len(groups), at + _MAX_GROUPS) - 1, at - 1, -1):
            start, end = groups[at][0], groups[last][1]
            alone = at == 0 and last == len(groups) - 1
            tag = _tag(plain[start:end], text, match.start() + start, match.start() + end, alone=alone)
            if tag:
                signed = tag == "MOBILE" and text[match.start() + start - 1 : match.start() + start] in ("+", "＋")
                yield Found(match.start() + start - signed, match.start() + end, tag)
                at = last
                break
        at += 1


def _tag(plain: str, text: str, start: int, end: int, *, alone: bool) -> str | None:
    """Return what one candidate is. alone: no other digits are next to it."""
    if len(plain) > _MAX_CHARACTERS or not stands_free(text, start, end):
        return None
    groups = tuple(map(len, re.split(r"[^0-9X]", plain)))
    digits = re.sub(r"[^0-9X]", "", plain)
    if groups in _ID_SHAPES and is_identity_number(digits):
        return "ID_CARD"
    if is_called_otherwise(text, start):
        return None
    if groups in _MOBILE_SHAPES and is_mobile_number(digits):
        return "MOBILE"
    if groups in _TAIWAN_SHAPES and is_taiwan_mobile(digits):
        return "MOBILE"
    # Fours in a row of other fours are a table.
    fours = all(size == 4 for size in groups[:-1]) and groups[-1] <= 4
    shaped = len(groups) == 1 or (alone and (fours or (len(groups) == 2 and groups[0] == 6)))
    return "BANK_CARD" if shaped and is_bank_card(digits) else None


def is_mobile_number(digits: str) -> bool:
    """Return whether the digits are a mainland mobile number, with or without 86 or 0086 in front."""
    return re.fullmatch(r"(?:86|0086)?1[3-9]\d{9}", digits) is not None


def is_taiwan_mobile(digits: str) -> bool:
    """Return whether the digits are a Taiwan mobile number: 09 and eight more, or 886 9 and eight more."""
    return re.fullmatch(r"09\d{8}|8869\d{8}", digits) is not None
