r"""The number a reply gives, read as a person reads it: units, money, 万 and 亿, fractions, Chinese numerals.

An answer that is marked (`####`, `\boxed{}`, 答案是, "the answer is") counts before any other; else the last number
that is not in brackets. Official scorers of GSM8K and MGSM take the last number; of a reply with one number, or that
ends with its answer, all say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

_WIDE = str.maketrans("０１２３４５６７８９．％＋－−﹣–＝（）［］＄／", "0123456789.%+----=()[]$/")
_FIGURES = r"\d{1,3}(?:(?:,|\{,\}|\\,|[\u00a0\u202f\u2009]|(?<=\d) (?=\d{3}(?:\D|$)))\d{3})+(?![\d])|\d+"
_NUMBER = re.compile(
    # Of a name or unit such as x1, cm2 or CO2, and behind a power sign, it is no number of its own.
    rf"(?<![A-Za-z_^.\d])(?:(?P<negative>(?<![\d)%\]个])-\s?|负|零下))?[$¥€£]?\s?"
    rf"(?P<whole>{_FIGURES})(?P<part>\.\d+)?"
    r"(?:\s*/\s*(?P<below>\d+)(?![\d/]))?(?:\s*\^\s*\{?(?P<power>\d{1,2})\}?)?"
    r"\s?(?P<unit>万亿|亿|万|千(?![米克瓦卡赫焦帕])|百(?![分米])|(?:million|billion|thousand)\b)?",
    re.ASCII,
)
_UNITS = {
    "百": 100, "千": 1000, "万": 10_000, "亿": 10**8, "万亿": 10**12,
    "thousand": 1000, "million": 10**6, "billion": 10**9,
}  # fmt: skip
_LATEX_FRACTION = re.compile(r"\\d?frac\{(\d+)\}\{(\d+)\}")
_BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}")
_MARKS = re.compile(
    r"####|(?:最终|最后|正确)?答案\s*(?:是|为|应为|应该是|：|:)|答\s*[：:]|\b(?:the|final)\s+answer\s*(?:is|:)|\banswer\s*[:：]",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[。！？!?\n；;]|\.(?=\s|$)")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
_CURRENCIES = re.compile(r"\b(?:RMB|USD|CNY|HKD|NTD|TWD|US\$|HK\$|NT\$)\s?(?=\d)", re.IGNORECASE)
_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_STEPS = {"十": 10, "百": 100, "千": 1000}
_CHINESE = re.compile(
    r"(?P<negative>负)?(?P<number>[零〇一二三四五六七八九十百千万亿两兩]+)(?:点(?P<part>[零〇一二三四五六七八九]+))?"
)
_WORDS = re.compile(
    r"一(?=[共起样些定般直旦切向致边面会再方律味])|(?<=[唯统万同之])一|十分|千万(?=别|不要)|百分之|万一"
)


def read_number(text: str) -> Fraction | None:
    """Return the number a reply gives; None where it gives none.

    >>> read_number("15÷3=5，5人"), read_number("约 1.2万元。"), read_number("$9{,}500")
    (Fraction(5, 1), Fraction(12000, 1), Fraction(9500, 1))
    """
    plain = _plain(text)
    boxed = _BOXED.findall(plain)
    for part in (*reversed(boxed), *_marked(plain), plain):
        found = _last_number(part)
        if found is not None:
            return found
    return None


def _plain(text: str) -> str:
    """Return a text with its figures in ASCII; a wide comma stays one, for it parts clauses and not thousands."""
    text = re.sub(r"(?<=[０-９])，(?=[０-９]{3}(?![０-９]))", ",", text).translate(_WIDE)
    text = _LATEX_FRACTION.sub(r"\1/\2", text).replace("\\$", "$").replace("\\%", "%")
    return _CURRENCIES.sub("$", text)


def _marked(text: str) -> Iterator[str]:
    """Yield what follows the last mark of an answer: the sentences from there on, up to one that holds a number."""
    marks = list(_MARKS.finditer(text))
    if not marks:
        return
    rest = text[marks[-1].end() :]
    begin = 0
    for end in [*(match.end() for match in _SENTENCE_END.finditer(rest)), len(rest)]:
        yield rest[begin:end]
        begin = end


def _last_number(text: str) -> Fraction | None:
    """Return the last number outside brackets, else the last one at all, else the last Chinese numeral."""
    outside = text
    while (shorter := _BRACKETS.sub(" ", outside)) != outside:
        outside = shorter
    for part in (outside, text):
        numbers = list(_numbers(part))
        if numbers:
            return numbers[-1]
    return _chinese_numeral(outside)


def _numbers(text: str) -> Iterator[Fraction]:
    """Yield the numbers of a text; figures of one quantity that follow each other, as in 1万2千, are one."""
    total, end, step = None, -1, 0
    for match in _NUMBER.finditer(text):
        value, unit = _value(match), _UNITS.get((match["unit"] or "").lower(), 1)
        if total is not None and match.start() == end and unit < step and value < step and not match["negative"]:
            total += value
        else:
            if total is not None:
                yield total
            total = value
        end, step = match.end(), unit
        # Only behind 万, 千 or 百 may a smaller number belong to the same quantity.
        if unit == 1:
            step = 0
    if total is not None:
        yield total


def _value(match: re.Match[str]) -> Fraction:
    whole = re.sub(r"\D", "", match["whole"])
    value = Fraction(whole + (match["part"] or ""))
    if match["below"] and int(match["below"]):
        value /= int(match["below"])
    if match["power"]:
        value **= int(match["power"])
    value *= _UNITS.get((match["unit"] or "").lower(), 1)
    return -value if match["negative"] else value


def _chinese_numeral(text: str) -> Fraction | None:
    fraction = re.search(r"([零一二三四五六七八九十百]+)分之([零一二三四五六七八九十百]+)", text)
    if fraction:
        return Fraction(_integer(fraction[2]), _integer(fraction[1]) or 1)
    found = [match for match in _CHINESE.finditer(_WORDS.sub("·", text)) if match["number"].strip("百千万亿")]
    if not found:
        return None
    last = found[-1]
    digits = "".join(str(_DIGITS[character]) for character in last["part"] or "")
    value = _integer(last["number"]) + (Fraction(int(digits), 10 ** len(digits)) if digits else 0)
    return Fraction(-value if last["negative"] else value)


def _integer(numeral: str) -> int:
    """Return a Chinese numeral's value: 七十二 is 72, 一万零五 10005, 一九九八 1998."""
    if not set(numeral) & {*_STEPS, "万", "亿"}:
        return int("".join(str(_DIGITS[character]) for character in numeral))
    for unit, size in (("亿", 10**8), ("万", 10**4)):
        if unit in numeral:
            high, _, low = numeral.rpartition(unit)
            return (_integer(high) if high else 1) * size + (_integer(low) if low.strip("零〇") else 0)
    total, digit = 0, 0
    for character in numeral:
        if character in _STEPS:
            total += (digit or 1) * _STEPS[character]
            digit = 0
        else:
            digit = _DIGITS[character]
    return total + digit
