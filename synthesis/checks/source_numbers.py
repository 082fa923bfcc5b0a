"""The numbers that a source gives, in every writing, and what they count."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.dates import Date, read_dates
from hanhua.synthesis.checks.numerals import NUMERAL, chinese_number, english_numbers
from hanhua.synthesis.checks.quantities import MEASURE, Quantity, read_quantities
from hanhua.synthesis.checks.units import unit_behind

MAX_ROUNDED_RATIO = Fraction(1, 20)
"""By which a number may grow when it is rounded up: 约3.5万 is 34,872, but 约20% is not 18%."""
_SCALES = {"万": Fraction(10**4), "亿": Fraction(10**8), "%": Fraction(1, 100)}
_SCALE_OF_COLUMN = re.compile(r"[（(](?:单位[：:])?[ ]?(?P<scale>万|亿|%)")
_TIME = re.compile(r"(?<!\d)(?P<h>\d{1,2})[:：](?P<m>[0-5]\d)(?!\d)")
_DECADE = re.compile(
    r"(?:(?P<century>\d{1,2}|[一二三四五六七八九十]{1,3}|上个?)世纪)?(?P<decade>\d{2,4}|[一二三四五六七八九]十)年代|\b(?P<english>\d{3}0)s\b"
)
_LISTED = re.compile(r"[^，。；：！？\n、（）()]{1,16}(?:、[^，。；：！？\n、（）()]{1,16})+")
_LAST_OF_LIST = re.compile(r"(?<=[^\s])(?:以及|和|与|及|或)(?=[^\s])")
_GENERIC = re.compile(r"个|种|类|者|项|点|方面|处|样|条|部分|组|位|人|家|国|地|座|步|门|端|边|块|道|档|环节|阶段")
_WORKED_OUT = 2
"""Two of anything is a count that every text may make of what it speaks of (两者, 两种)."""


@dataclass(frozen=True)
class Source:
    """What a source says in numbers.

    values: all of them. units: what each of them counts; `None` among them where it is not known. stated: as they
    stand. years, decades: of its dates. text: the source; listed: with the answer, where things may be named.
    """

    values: frozenset[Fraction]
    units: dict[Fraction, frozenset[str | None]]
    stated: tuple[Quantity, ...]
    years: frozenset[int]
    decades: frozenset[int]
    text: str
    listed: str

    @classmethod
    def of(cls, case: Case) -> Source:
        """Read the source of an answer."""
        text, dates = case.source, read_dates(case.source)
        stated = tuple(read_quantities(_blotted(text, dates)))
        units = _units_of(stated, dates, text)
        scales = {_SCALES[match["scale"]] for match in _SCALE_OF_COLUMN.finditer(case.plain)}
        for value in list(units):
            for scale in scales:  # 8.4 below a head that says 万人
                units[value / scale] |= {None}
        return cls(
            values=frozenset(units),
            units={value: frozenset(found) for value, found in units.items()},
            stated=stated,
            years=frozenset(date.year for date in dates if date.year),
            decades=frozenset(_decades(text)),
            text=text,
            listed=f"{text}\n{case.plain}",
        )

    def gives(self, one: Quantity) -> bool:
        """Return whether the source gives a number of an answer, of the same thing as far as that is known."""
        if one.value in self.units and self._is_of_the_same(one):
            return True
        if self._is_of_a_year(one) or self._is_one_of_a_unit(one) or (one.hedged and self._rounds(one.value)):
            return True
        if one.value == _WORKED_OUT and one.counted.startswith("次"):
            return all(not other.counted.startswith("次") for other in self.stated)
        if not one.is_count or not MEASURE.match(one.counted) or not _GENERIC.match(one.counted):
            return False
        return not self._is_contradicted(one) and (one.value == _WORKED_OUT or self._lists(int(one.value)))

    def _is_of_the_same(self, one: Quantity) -> bool:
        mine, theirs = unit_behind(one.counted), self.units[one.value]
        return mine is None or None in theirs or mine in theirs

    def _is_of_a_year(self, one: Quantity) -> bool:
        """Return whether 19世纪 or 20年代 is that of a year of the source, or of its `1820s`."""
        if one.counted.startswith("世纪"):
            return any(year // 100 + 1 == one.value for year in {*self.years, *self.decades})
        decades = {*self.decades, *(year // 10 * 10 for year in self.years)}
        return one.counted.startswith("年代") and any(one.value in (ten, ten % 100) for ten in decades)

    def _is_one_of_a_unit(self, one: Quantity) -> bool:
        """Return whether the one of 一年 or 一公里 is the source's 每年, 年利率 or `a mile`."""
        if one.value != 1 or not one.said.endswith("一"):
            return False
        unit = re.escape(one.counted[:1])
        told = rf"[1每半按全整两几]\s?{unit}|(?<![\d{NUMERAL}个]){unit}|一{unit}|\b(?:a|an|per|one|each)\b"
        return re.search(told, self.text) is not None

    def _is_contradicted(self, one: Quantity) -> bool:
        """Return whether the source counts the same things otherwise: 三个省 where it says 四个省."""
        return any(other.counted[:2] == one.counted[:2] and other.value != one.value for other in self.stated)

    def _lists(self, count: int) -> bool:
        """Return whether so many things are named one after the other, in the source or the answer."""
        for match in _LISTED.finditer(self.listed):
            items = match[0].count("、") + 1
            if count in (items, items + len(_LAST_OF_LIST.findall(match[0]))):
                return True
        return self.text.count("；") + 1 == count or len(re.findall(r"第[一二三四五六七八九]", self.text)) == count

    def _rounds(self, value: Fraction) -> bool:
        """Return whether a number of the source, said less exactly, is this one: 约3.5万, 3万多 of 34,872."""
        if value <= 0:
            return False
        step = Fraction(10) ** _last_place(value)
        if any(value < other < value + step and step * math.floor(other / step) == value for other in self.values):
            return True
        near = (
            other
            for other in self.values
            if other > 0 and other != value and abs(other - value) < min(step, other * MAX_ROUNDED_RATIO)
        )
        return any(step * math.ceil(other / step) == value for other in near)


def _units_of(stated: tuple[Quantity, ...], dates: list[Date], text: str) -> dict[Fraction, set[str | None]]:
    units: dict[Fraction, set[str | None]] = defaultdict(set)
    for one in stated:
        units[one.value].add(unit_behind(one.counted))
        if one.value < 0 and "零下" not in one.said and "负" not in one.said:
            units[-one.value].add(unit_behind(one.counted))  # the line of a range: 5 -10
    for date in dates:
        for part, unit in ((date.year, "year"), (date.month, "month"), (date.day, "day")):
            if part is not None:
                units[Fraction(abs(part))].add(unit)
    for value in {*english_numbers(text), *_times(text), *_other_writings(text)}:
        units[value].add(None)
    return units


def _times(text: str) -> set[Fraction]:
    """Return the hours and minutes of a text, also as a clock of 24 or of 12 hours gives them."""
    values: set[Fraction] = set()
    for match in _TIME.finditer(text):
        hour, minute = int(match["h"]), int(match["m"])
        values |= {Fraction(hour), Fraction(hour % 12), Fraction(hour + 12), Fraction(minute)}
        values |= {Fraction(1, 2)} if minute == 30 else set()
    for match in re.finditer(r"(?:下午|晚上|傍晚|夜里|p\.?m)", text):
        near = read_quantities(text[max(0, match.start() - 8) : match.end() + 6])
        values |= {one.value + 12 for one in near if one.value <= 12}
    return values | ({Fraction(30)} if re.search("[点时]半", text) else set())


def _other_writings(text: str) -> set[Fraction]:
    """Return the numbers of ordinals (第一条), and those of half an hour and half a year."""
    values = {chinese_number(one) for one in re.findall(rf"第([{NUMERAL}]+)", text)}
    values |= {Fraction(30)} if re.search("半个?(?:小时|钟头)", text) else set()
    values |= {Fraction(6)} if re.search("半年", text) else set()
    return values


def _decades(text: str) -> set[int]:
    """Return the decades of a text by their first year: 1990 of 20世纪90年代 and of 1990s."""
    found = set()
    for match in _DECADE.finditer(text):
        if match["english"]:
            found.add(int(match["english"]))
            continue
        said, century = match["decade"], match["century"]
        decade = int(said) if said.isdigit() else int(chinese_number(said))
        if decade < 100:
            number = (
                20
                if not century or century[0] == "上"
                else int(century if century.isdigit() else chinese_number(century))
            )
            decade += (number - 1) * 100
        found.add(decade)
    return found


def _last_place(value: Fraction) -> int:
    """Return the power of ten of the last digit that says something: 4 for 30,000, -1 for 3.5."""
    place = 0
    while value.denominator != 1 and place > -8:
        value, place = value * 10, place - 1
    while value.denominator == 1 and value % 10 == 0 and value:
        value, place = value / 10, place + 1
    return place


def _blotted(text: str, dates: list[Date]) -> str:
    for date in dates:
        text = text[: date.start] + "\0" * (date.end - date.start) + text[date.end :]
    return text
