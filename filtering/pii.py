"""Chinese personal data: identity numbers, mobile numbers, bank cards, e-mail addresses.

A number counts only if it can be real: checksums, dates and issuer ranges hold, and nothing in front of it
calls it an order number or an ISBN. Full-width digits and the usual groupings with spaces or hyphens count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

TAGS = ("ID_CARD", "MOBILE", "BANK_CARD", "EMAIL")

_D = "[0-9０-９]"
_GAP = "[ \u00a0\u3000\\-－‐–—]"
# Eleven digits or more, with at most one space or hyphen between two; an X may end a group.
_NUMBER = re.compile(f"{_D}(?:{_GAP}?{_D}|[xXＸｘ](?={_GAP}{_D})){{10,}}(?:[xXＸｘ](?![A-Za-z0-9]))?")
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])(?!git[@＠])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}\s?[@＠]\s?"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,62}[A-Za-z0-9])?[.．])+[A-Za-z]{2,24}(?![A-Za-z0-9\-])"
)
_TO_ASCII = str.maketrans("０１２３４５６７８９Ｘｘx－‐–—\u00a0\u3000", "0123456789XXX----  ")

# Words before a number that make it something else. A number of a person needs no such word.
_CALLED_OTHERWISE = re.compile(
    r"(?:订单|訂單|单号|單號|运单|运單|快递|流水|编号|編號|货号|貨號|批号|批號|型号|型號|凭证|合同|案号|书号|書號|"
    r"ISBN|ISSN|发票|發票|条码|條碼|序列|SN|ID|UUID|No\.?)[号號码碼]?\s*(?:[:：是为為]|\s)*$",
    re.IGNORECASE,
)
_LATIN_BEFORE = re.compile(r"(?:[0-9A-Za-z_]|\d[.．])$")
_CONTACT_BEFORE = re.compile(r"(?:tel|phone|mobile|mob|vx|wx|v|weixin|wechat|q|qq)$", re.IGNORECASE)

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"
_PROVINCE = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
# Issuer ranges by length: UnionPay 62, Visa 4, Mastercard 51–55 and 2221–2720, JCB 35, old cards of ICBC and ABC.
_ISSUERS = {
    16: re.compile(r"62|4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|35|95599|603367|621|60"),
    17: re.compile(r"62|4563|6013"),
    18: re.compile(r"62|9558|6858"),
    19: re.compile(r"62|9558|95599|6013|6858|4[0-9]{3}"),
}


# How the digits are grouped by spaces or hyphens, prefix 86 or 0086 included.
_ID_SHAPES = ((18,), (6, 8, 4), (6, 4, 4, 4), (3, 3, 8, 4))
_MAX_GROUPS, _MAX_CHARACTERS = 5, 24
_MOBILE_SHAPES = ((11,), (3, 4, 4), (13,), (2, 11), (2, 3, 4, 4), (15,), (4, 11), (4, 3, 4, 4))


@dataclass(frozen=True)
class Found:
    """Personal data at [start, end) of a text."""

    start: int
    end: int
    tag: str


def find_pii(text: str) -> list[Found]:
    """Return the personal data of a text, in order, without overlaps.

    >>> [f.tag for f in find_pii("手机１３８-００１３-８０００，订单号13800138000")]
    ['MOBILE']
    """
    found: list[Found] = []
    if "@" in text or "＠" in text:
        found += [Found(*match.span(), "EMAIL") for match in _EMAIL.finditer(text)]
    numbers = [f for match in _NUMBER.finditer(text) for f in _classify(text, match)]
    if not numbers:
        return found
    taken = list(found)
    found += [n for n in numbers if all(n.end <= one.start or one.end <= n.start for one in taken)]
    return sorted(found, key=lambda f: f.start)


def mask_pii(text: str) -> tuple[str, Counter[str]]:
    """Return the text with each datum replaced by its tag (`[MOBILE]`), and how many of each there were."""
    found = find_pii(text)
    if not found:
        return text, Counter()
    pieces, at = [], 0
    for one in found:
        pieces += [text[at : one.start], f"[{one.tag}]"]
        at = one.end
    return "".join([*pieces, text[at:]]), Counter(one.tag for one in found)


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
    """Return what one candidate is. alone: no other digits stand beside it."""
    if len(plain) > _MAX_CHARACTERS:
        return None
    groups = tuple(map(len, re.split(r"[^0-9X]", plain)))
    digits = re.sub(r"[^0-9X]", "", plain)
    before = text[max(0, start - 12) : start]
    if not _is_free(before, text[end : end + 1]):
        return None
    if groups in _ID_SHAPES and is_identity_number(digits):
        return "ID_CARD"
    if _CALLED_OTHERWISE.search(before):
        return None
    if groups in _MOBILE_SHAPES and is_mobile_number(digits):
        return "MOBILE"
    # Fours in a row of other fours are a table.
    fours = all(size == 4 for size in groups[:-1]) and groups[-1] <= 4
    shaped = len(groups) == 1 or (alone and (fours or (len(groups) == 2 and groups[0] == 6)))
    return "BANK_CARD" if shaped and is_bank_card(digits) else None


def _is_free(before: str, after: str) -> bool:
    if after and ((after.isascii() and (after.isalnum() or after == "_")) or after in "０１２３４５６７８９"):
        return False
    return not _LATIN_BEFORE.search(before) or bool(_CONTACT_BEFORE.search(before))


def is_identity_number(digits: str) -> bool:
    """Return whether 18 characters are a 身份证号 (GB 11643): province, real date of birth, checksum."""
    if len(digits) != 18 or not digits[:17].isdigit() or not _PROVINCE.match(digits):
        return False
    try:
        born = date(int(digits[6:10]), int(digits[10:12]), int(digits[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, digits, strict=False))
    return born.year >= 1880 and _ID_CHECK[total % 11] == digits[17]


def is_mobile_number(digits: str) -> bool:
    """Return whether the digits are a mainland mobile number, with or without 86 or 0086 in front."""
    return re.fullmatch(r"(?:86|0086)?1[3-9]\d{9}", digits) is not None


def is_bank_card(digits: str) -> bool:
    """Return whether the digits are a card number: length, issuer range and Luhn checksum."""
    issuer = _ISSUERS.get(len(digits))
    return digits.isdigit() and issuer is not None and issuer.match(digits) is not None and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit (ISO/IEC 7812) of the others."""
    doubled = (2 * int(d) for d in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


class PiiMasker:
    """`mask_pii` as a skill, for samples and reports."""

    fingerprint = "hanhua-pii-1"

    def mask(self, text: str) -> str:
        """Return the text with personal data replaced by tags."""
        return mask_pii(text)[0]


@cache
def build_masker() -> PiiMasker:
    """Return the masker of Chinese personal data."""
    return PiiMasker()
