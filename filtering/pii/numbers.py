"""Long numbers: identity cards, mobile phones and bank cards of the mainland, however their digits are grouped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanhua.filtering.pii.checksums import is_bank_card, is_identity_number, is_old_identity_number
from hanhua.filtering.pii.context import (
    is_arithmetic,
    is_called_card,
    is_called_phone,
    is_in_a_table,
    is_quantity,
)
from hanhua.filtering.pii.found import BEFORE, Found, is_called_otherwise, stands_free

_GAP = "[ \u00a0\u3000\\-‐–—]"
# Ten digits or more, with at most one space or hyphen between two; an X may end a group.
_NUMBER = re.compile(f"[0-9](?:{_GAP}?[0-9]|[xX](?={_GAP}[0-9])){{9,}}(?:[xX](?![A-Za-z0-9]))?")
_TO_ASCII = str.maketrans("xx‐–—\u00a0\u3000", "XX---  ")

# How the digits are grouped by spaces or hyphens, prefix 86 or 0086 included; Taiwan's after them.
_ID_SHAPES = ((18,), (6, 8, 4), (6, 4, 4, 4), (3, 3, 8, 4))
_MOBILE_SHAPES = ((11,), (3, 4, 4), (13,), (2, 11), (2, 3, 4, 4), (5, 4, 4), (15,), (4, 11), (4, 3, 4, 4), (7, 4, 4))
_TAIWAN_SHAPES = ((10,), (4, 3, 3), (4, 6), (3, 3, 3, 3), (12,), (3, 9))
_OLD_ID_SHAPES = ((15,), (6, 6, 3))
_CALLED_ID = re.compile(r"(?:身份[證证]|身分[證证])(?:件|字)?[号號]?[码碼]?\s*[(（:：是为為)）]?\s*$")
_ONE_BY_ONE = (1,) * 11
_MAX_GROUPS, _MAX_CHARACTERS = 11, 24
_LENGTHS = frozenset({10, 11, 12, 13, 15, 16, 17, 18, 19})
"""Digits of all these numbers: mobiles of Taiwan and the mainland with their prefixes, cards, identity numbers."""


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
    # Cheapest first: nearly all candidates are dates, and end here.
    digits = plain.replace("-", "").replace(" ", "")
    if len(digits) not in _LENGTHS or len(plain) > _MAX_CHARACTERS or not stands_free(text, start, end):
        return None
    groups = tuple(map(len, re.split(r"[^0-9X]", plain)))
    if groups in _ID_SHAPES and is_identity_number(digits):
        return "ID_CARD"
    if groups in _OLD_ID_SHAPES and _CALLED_ID.search(text[max(0, start - BEFORE) : start]):
        return "ID_CARD" if is_old_identity_number(digits) else None
    mobile = _is_mobile_shaped(groups, digits, text, start, end, alone=alone)
    card = not mobile and _is_card_shaped(groups, alone=alone) and is_bank_card(digits)
    if not (mobile or card) or is_called_otherwise(text, start):
        return None
    if mobile:
        return "MOBILE" if is_called_phone(text, start) or not is_quantity(text, start, end) else None
    counted = is_quantity(text, start, end) or is_arithmetic(text, start, end)
    return "BANK_CARD" if is_called_card(text, start) or not counted else None


def _is_mobile_shaped(groups: tuple[int, ...], digits: str, text: str, start: int, end: int, *, alone: bool) -> bool:
    """Return whether digits are a mobile number and grouped like one; what is called a phone may be in any groups."""
    if is_taiwan_mobile(digits):
        return groups in _TAIWAN_SHAPES
    if not is_mobile_number(digits):
        return False
    if groups in _MOBILE_SHAPES:
        return True
    if alone and is_called_phone(text, start):
        return True
    return (
        alone and groups == _ONE_BY_ONE and not is_in_a_table(text, start, end) and not is_arithmetic(text, start, end)
    )


def _is_card_shaped(groups: tuple[int, ...], *, alone: bool) -> bool:
    # Fours in a row of other fours are a table.
    fours = all(size == 4 for size in groups[:-1]) and groups[-1] <= 4
    return len(groups) == 1 or (alone and ((fours and len(groups) <= 5) or (len(groups) == 2 and groups[0] == 6)))


def is_mobile_number(digits: str) -> bool:
    """Return whether the digits are a mainland mobile number, with or without 86 or 0086 in front."""
    return re.fullmatch(r"(?:86|0086)?1[3-9]\d{9}", digits) is not None


def is_taiwan_mobile(digits: str) -> bool:
    """Return whether the digits are a Taiwan mobile number: 09 and eight more, or 886 9 and eight more."""
    return re.fullmatch(r"09\d{8}|8869\d{8}", digits) is not None
