"""Check digits, made here by other formulas than those under test; one wrong digit is always found."""

from __future__ import annotations

import datetime
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hanhua.filtering.pii.checksums import (
    is_bank_card,
    is_company_code,
    is_hong_kong_id,
    is_identity_number,
    is_taiwan_id,
    passes_luhn,
)

COMPANY = "0123456789ABCDEFGHJKLMNPQRTUWXY"
PROVINCES = st.sampled_from(["11", "12", "15", "21", "31", "37", "44", "50", "54", "61", "65", "71", "81", "82"])
DATES = st.dates(datetime.date(1880, 1, 1), datetime.date(2030, 12, 31)).map(lambda day: day.strftime("%Y%m%d"))


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(alphabet=string.digits, min_size=count, max_size=count)


def mod_11_2(seventeen: str) -> str:
    """ISO 7064's recursive form of the check that GB 11643 writes as a table of weights."""
    carry = 0
    for digit in seventeen:
        carry = (carry + int(digit)) * 2 % 11
    return "0123456789X"[(12 - carry) % 11]


IDENTITIES = st.tuples(PROVINCES, digits(4), DATES, digits(3)).map("".join).map(lambda body: body + mod_11_2(body))
NAMES = dict(zip("ABCDEFGHJKLMNPQRSTUVXYWZIO", range(10, 36), strict=True))


@given(IDENTITIES)
def test_a_number_with_its_check_digit_is_one(number: str) -> None:
    assert is_identity_number(number)


@given(IDENTITIES, st.integers(0, 17), st.sampled_from(string.digits + "X"))
def test_one_wrong_digit_is_found(number: str, at: int, digit: str) -> None:
    wrong = number[:at] + digit + number[at + 1 :]
    assume(wrong != number)
    assert not is_identity_number(wrong)


@given(IDENTITIES, st.integers(0, 15))
def test_two_digits_that_changed_places_are_found(number: str, at: int) -> None:
    wrong = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assume(wrong != number)
    assert not is_identity_number(wrong)


@pytest.mark.parametrize("body", ["99010119900101001", "11010118791231001", "11010119900230001", "11010119901301001"])
def test_what_cannot_be_is_refused_whatever_its_check_digit(body: str) -> None:
    """No such province, born too early, on no day, in no month."""
    assert not is_identity_number(body + mod_11_2(body))


@given(st.text(alphabet=string.digits + "Xx١²", max_size=20))
def test_other_lengths_and_digits_are_no_numbers(text: str) -> None:
    if len(text) != 18 or not text.isascii():
        assert not is_identity_number(text)


def luhn_by_hand(body: str) -> str:
    """The digit that makes the sum of all, every second one doubled and its digits added, a multiple of ten."""
    for check in string.digits:
        total = 0
        for place, digit in enumerate(reversed(body + check)):
            total += sum(map(int, str(int(digit) * (1 + place % 2))))
        if total % 10 == 0:
            return check
    raise AssertionError("one of ten digits always does")


@given(digits(15).map(lambda body: "62" + body[2:]))
def test_a_card_is_its_issuer_length_and_check_digit(body: str) -> None:
    card = body + luhn_by_hand(body)
    assert passes_luhn(card) and is_bank_card(card)
    other = "8" + card[1:15]
    assert not is_bank_card(other + luhn_by_hand(other)), "no issuer begins with 8"
    assert not is_bank_card(card[:-1]), "no card has fifteen digits"


@given(digits(16), st.integers(0, 15), st.sampled_from(string.digits))
def test_luhn_finds_one_wrong_digit(body: str, at: int, digit: str) -> None:
    card = body + luhn_by_hand(body)
    wrong = card[:at] + digit + card[at + 1 :]
    assert passes_luhn(wrong) == (wrong == card)


def company_check(seventeen: str) -> str:
    weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]  # as GB 32100 prints them
    total = sum(weight * COMPANY.index(one) for weight, one in zip(weights, seventeen, strict=True))
    return COMPANY[(31 - total % 31) % 31]


COMPANIES = st.tuples(
    st.sampled_from("159"), st.sampled_from("123"), PROVINCES, digits(4), st.text(COMPANY, min_size=9, max_size=9)
).map("".join)


@given(COMPANIES, st.integers(8, 17), st.sampled_from(COMPANY + "IOSVZ"))
def test_a_company_s_code_and_one_wrong_character(body: str, at: int, character: str) -> None:
    code = body + company_check(body)
    assert is_company_code(code)
    wrong = code[:at] + character + code[at + 1 :]
    assert is_company_code(wrong) == (wrong == code)


@given(st.sampled_from(string.ascii_uppercase), st.sampled_from("1289"), digits(7))
def test_a_taiwan_id_has_one_check_digit(letter: str, kind: str, body: str) -> None:
    found = [check for check in string.digits if is_taiwan_id(letter + kind + body + check)]
    assert len(found) == 1
    name = NAMES[letter]
    plain = name // 10 + 9 * (name % 10) + sum(w * int(d) for w, d in zip(range(8, 0, -1), kind + body, strict=True))
    assert int(found[0]) == -plain % 10


@given(st.text(string.ascii_uppercase, min_size=1, max_size=2), digits(6))
def test_a_hong_kong_id_has_one_check_character(letters: str, body: str) -> None:
    found = [check for check in string.digits + "A" if is_hong_kong_id(letters + body + check)]
    assert len(found) == 1
    for at in range(len(letters), len(letters) + 6):
        other = letters + body
        changed = other[:at] + str((int(other[at]) + 1) % 10) + other[at + 1 :]
        assert not is_hong_kong_id(changed + found[0])


@pytest.mark.parametrize("text", ["", "A", "A12345678", "a123456789", "A323456789", "A12345678X", "ＡA23456789"])
def test_what_has_not_the_form_is_no_taiwan_id(text: str) -> None:
    assert not is_taiwan_id(text)


@pytest.mark.parametrize("text", ["", "1234563", "ABC1234563", "A12345(3)", "a1234563", "A123456B"])
def test_what_has_not_the_form_is_no_hong_kong_id(text: str) -> None:
    assert not is_hong_kong_id(text)
