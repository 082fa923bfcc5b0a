"""Dates of a text in all writings, as year, month and day of which some may be missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hanhua.synthesis.checks.numerals import chinese_number

_N = r"\d{1,2}|[一二三四五六七八九十]{1,3}"
_Y = r"\d{2,4}|[零〇一二三四五六七八九]{4}|[零〇一二三四五六七八九]{2}"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<era>公元前|前|民国|公元)?\s?(?P<y>{_Y}|元)\s?年(?!代|级|来|间|前(?!后)|后|多|以|龄|纪|里|内|生|时间)\s?"
        rf"(?:(?P<m>{_N})\s?月(?:份)?\s?(?:(?P<d>{_N})\s?[日号])?)?",
        rf"(?P<m>{_N})\s?月\s?(?P<d>{_N})\s?[日号]",
        rf"(?<![个\d一二三四五六七八九十])(?P<m>{_N})\s?月(?:份|初|底|中|末|间|上旬|下旬)?",
        r"(?<![\d.-])(?P<y>1\d{3}|20\d{2})[-/.](?P<m>0?[1-9]|1[0-2])(?:[-/.](?P<d>0?[1-9]|[12]\d|3[01]))?(?![\d.])",
        rf"\b(?P<mon>{_MONTH})\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:\s*,?\s*(?P<y>\d{{4}}))?\b",
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<mon>{_MONTH})(?:\s*,?\s*(?P<y>\d{{4}}))?\b",
        rf"\b(?P<mon>{_MONTH})\s+(?P<y>\d{{4}})\b",
    )
)
_NAMED_MONTH = re.compile(
    rf"\b(?:in|since|until|by|of|last|every|early|late|from|to|and|before|after)\s+(?P<mon>{_MONTH})\b", re.IGNORECASE
)
REPUBLIC = 1911
"""民国元年 is 1912."""


@dataclass(frozen=True)
class Date:
    """A date as far as it is said. start, end: its characters in the text. A year before Christ is below 0."""

    year: int | None
    month: int | None
    day: int | None
    start: int
    end: int


def read_dates(text: str) -> list[Date]:
    """Return the dates of a text in its comparable view, in order, without overlaps.

    >>> [(d.year, d.month, d.day) for d in read_dates("二〇二一年三月五日，2021-03-05，March 5, 2021；民国110年")]
    [(2021, 3, 5), (2021, 3, 5), (2021, 3, 5), (2021, None, None)]
    """
    found: list[Date] = []
    for pattern in (*_PATTERNS, _NAMED_MONTH):
        for date in _of(pattern, text):
            if all(date.end <= other.start or other.end <= date.start for other in found):
                found.append(date)
    return sorted(found, key=lambda date: date.start)


def _of(pattern: re.Pattern[str], text: str) -> Iterator[Date]:
    for match in pattern.finditer(text):
        said = match.groupdict()
        year = _year(said.get("y"), said.get("era"))
        month, day = _small(said.get("m")), _small(said.get("d"))
        if (name := said.get("mon")) is not None:
            month = _MONTHS.index(name[:3].lower()) + 1
        is_span = said.get("era") is None and said.get("y") is not None and "年" in match[0] and not _is_year(said["y"])
        if is_span or (month or 1) > 12 or (day or 1) > 31 or not (year or month or day):
            continue  # 三年 and 10年 are spans of time, and no dates
        yield Date(year, month, day, match.start(), match.end())


def _is_year(said: str) -> bool:
    """Return whether what stands before 年 names a year: four digits, or two such as 98 or 九八."""
    if len(said) == 2 and said.isdigit():
        return int(said) > 31
    return len(said) == 4 or (len(said) == 2 and said[0] in "八九" and said[1] != "十")


def _year(said: str | None, era: str | None) -> int | None:
    if said is None:
        return None
    year = 1 if said == "元" else int(said) if said.isdigit() else int(chinese_number(said))
    if era == "民国":
        return year + REPUBLIC
    return -year if era in ("公元前", "前") else year


def _small(said: str | None) -> int | None:
    if said is None:
        return None
    return int(said) if said.isdigit() else int(chinese_number(said))


def stands_in(date: Date, source: list[Date], years: set[int]) -> bool:
    """Return whether a date is one of the source's, or put together of its parts.

    years: of the source, those that it gives as plain numbers too (1998—2008年).
    """
    for other in source:
        pairs = ((date.year, other.year), (date.month, other.month), (date.day, other.day))
        if all(mine is None or mine == theirs for mine, theirs in pairs):
            return True
    year_known = date.year is None or date.year in years or date.year + 1900 in years
    if date.month is None:
        return year_known
    # 2021年……同年3月5日: the source leaves the year out, so the answer may put it in.
    open_dates = [other for other in source if other.year is None]
    return year_known and any(
        other.month == date.month and (date.day is None or other.day == date.day) for other in open_dates
    )
