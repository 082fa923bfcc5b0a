"""Check digits of documents and cards: what parts a real number from one that only looks like it."""

from __future__ import annotations

import re
from datetime import date

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"
_PROVINCE = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_COMPANY_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_TAIWAN_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
_TAIWAN_WEIGHTS = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
# Issuer ranges by length: UnionPay 62, Visa 4, Mastercard 51–55 and 2221–2720, JCB 35, old cards of ICBC and ABC.
_ISSUERS = {
    16: re.compile(r"62|4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|35|95599|603367|621|60"),
    17: re.compile(r"62|4563|6013"),
    18: re.compile(r"62|9558|6858"),
    19: re.compile(r"62|9558|95599|6013|6858|4[0-9]{3}"),
}


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


def is_old_identity_number(digits: str) -> bool:
    """Return whether 15 digits are a 身份证号 of before 1999: province and date of birth, no check digit."""
    if len(digits) != 15 or not digits.isdigit() or not _PROVINCE.match(digits):
        return False
    try:
        date(1900 + int(digits[6:8]), int(digits[8:10]), int(digits[10:12]))
    except ValueError:
        return False
    return True


def is_company_code(code: str) -> bool:
    """Return whether 18 characters are a 统一社会信用代码 (GB 32100): authority, region, two checksums' worth of 31.

    The region of six digits begins with a province, or 10 for the central registry.
    """
    if len(code) != 18 or code[0] not in "123456789ANY" or not code[2:8].isdigit():
        return False
    if not _PROVINCE.match(code[2:4]) and code[2:4] != "10":
        return False
    try:
        values = [_COMPANY_ALPHABET.index(character) for character in code]
    except ValueError:
        return False
    total = sum(value * pow(3, place, 31) for place, value in enumerate(values[:17]))
    return (31 - total % 31) % 31 == values[17]


def is_taiwan_id(code: str) -> bool:
    """Return whether ten characters are a Taiwan 身分證字號, or the number of a resident certificate of 2021 on."""
    if not re.fullmatch(r"[A-Z][1289]\d{8}", code):
        return False
    letter = _TAIWAN_LETTERS.index(code[0]) + 10
    digits = [letter // 10, letter % 10, *map(int, code[1:])]
    return sum(weight * digit for weight, digit in zip(_TAIWAN_WEIGHTS, digits, strict=True)) % 10 == 0


def is_hong_kong_id(code: str) -> bool:
    """Return whether letters, six digits and a check character are a HKID (`A1234563`)."""
    if not re.fullmatch(r"[A-Z]{1,2}\d{6}[0-9A]", code):
        return False
    padded = code.rjust(9)
    values = [36 if c == " " else int(c, 36) for c in padded]
    return sum(weight * value for weight, value in zip(range(9, 0, -1), values, strict=True)) % 11 == 0


def is_bank_card(digits: str) -> bool:
    """Return whether the digits are a card number: length, issuer range and Luhn checksum."""
    issuer = _ISSUERS.get(len(digits))
    return digits.isdigit() and issuer is not None and issuer.match(digits) is not None and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit (ISO/IEC 7812) of the others."""
    doubled = (2 * int(d) for d in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0
