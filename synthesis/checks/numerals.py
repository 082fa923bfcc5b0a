"""Chinese numerals and English number words as numbers."""

from __future__ import annotations

import re
from fractions import Fraction

DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
STEPS = {"十": 10, "百": 100, "千": 1000}
LARGE = {"万": 10**4, "亿": 10**8}
NUMERAL = "零〇一二三四五六七八九十百千万亿两"
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟", "一二三四五六七八九十百千")
FORMAL = "壹贰叁肆伍陆柒捌玖拾佰仟"

_ONES_IN_ORDER = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS_IN_ORDER = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES, _TENS = _ONES_IN_ORDER.split(), _TENS_IN_ORDER.split()
_WORD = {word: value for value, word in enumerate(_ONES)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
_SCALE = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
_TIMES = {"once": 1, "twice": 2, "double": 2, "doubled": 2, "triple": 3, "tripled": 3, "both": 2, "dozen": 12}
_ORDINALS_IN_ORDER = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ORDINALS = _ORDINALS_IN_ORDER.split()
_ENGLISH = re.compile(r"[A-Za-z]+")


def chinese_number(numeral: str) -> Fraction:
    """Return the value of a Chinese numeral: 七十二 is 72, 一万零五 10005, 一九九八 1998, 三点五万 35000.

    >>> chinese_number("一亿二千万"), chinese_number("三点五万"), chinese_number("二〇二一")
    (Fraction(120000000, 1), Fraction(35000, 1), Fraction(2021, 1))
    """
    numeral = numeral.translate(_FORMAL)
    whole, point, rest = numeral.partition("点")
    if point:
        digits = "".join(str(DIGITS[one]) for one in rest if one in DIGITS)
        value = Fraction(f"{_integer(whole)}.{digits or 0}")
        for one in rest:
            value *= LARGE.get(one, STEPS.get(one, 1))
        return value
    return Fraction(_integer(whole))


def _integer(numeral: str) -> int:
    if not numeral:
        return 0
    if not set(numeral) & {*STEPS, *LARGE}:
        return int("".join(str(DIGITS[character]) for character in numeral))
    for unit in ("亿", "万"):
        if unit in numeral:
            high, _, low = numeral.rpartition(unit)
            # 三万五 is 35,000, but 三万零五 is 30,005.
            rest = DIGITS[low] * LARGE[unit] // 10 if len(low) == 1 and low in DIGITS else _integer(low.lstrip("零〇"))
            return (_integer(high) if high else 1) * LARGE[unit] + rest
    return _below_ten_thousand(numeral)


def _below_ten_thousand(numeral: str) -> int:
    total, digit, step = 0, 0, 1
    for place, character in enumerate(numeral):
        if character in STEPS:
            step = STEPS[character]
            total += (digit or (0 if place and numeral[place - 1] in STEPS else 1)) * step
            digit = 0
        elif character in DIGITS:
            digit = DIGITS[character]
            step = 1 if digit == 0 else step
    # 一百五 is 150, 一百零五 is 105.
    return total + (digit * step // 10 if step >= 100 else digit)


def english_numbers(text: str) -> set[Fraction]:
    """Return the numbers that words of an English text say, and those that could be meant by them.

    >>> sorted(map(int, english_numbers("twenty-five of two hundred thousand")))
    [2, 5, 20, 25, 100, 200, 1000, 200000]
    """
    found: set[Fraction] = set()
    run: list[str] = []
    for match in _ENGLISH.finditer(text.lower()):
        word = match[0]
        found |= _of_word(word, run[-1] if run else "")
        if word in _WORD or (word in _SCALE and run):
            run.append(word)
            found.add(Fraction(_of_run(run)))
        elif word != "and" or not run:
            run = [word] if word in ("a", "an") else []
    return found


def _of_word(word: str, before: str) -> set[Fraction]:
    found: set[Fraction] = set()
    if word in _WORD:
        found.add(Fraction(_WORD[word]))
    if word in _SCALE:
        found.add(Fraction(_SCALE[word]))
    if word in _TIMES:
        found.add(Fraction(_TIMES[word]))
    if word in _ORDINALS:
        found.add(Fraction(_ORDINALS.index(word) + 1))
    single = word.removesuffix("s") if word != "halves" else "half"
    if single in _PARTS:
        found |= {Fraction(_WORD.get(before, 1), _PARTS[single]), Fraction(1, _PARTS[single])}
    return found


def _of_run(words: list[str]) -> int:
    total = part = 0
    for word in words:
        if word == "hundred":
            part = (part or 1) * 100
        elif word in _SCALE:
            total, part = total + (part or 1) * _SCALE[word], 0
        else:
            part += _WORD.get(word, 1 if word in ("a", "an") and not part else 0)
    return total + part
