"""Whether every number, date and Latin name of a faithful answer stands in its source, in whatever writing.

Limit: none may be without one: what is invented here is what a model learns as a fact (Kimi K2 checks the fidelity of
its rephrased texts too, arXiv 2507.20534). Numbers that only order (第一步, 1.) are none, nor is how many things the
source lists without counting them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from fractions import Fraction

from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.dates import Date, read_dates, stands_in
from hanhua.synthesis.checks.numerals import english_numbers
from hanhua.synthesis.checks.parts import cells
from hanhua.synthesis.checks.quantities import MEASURE, Quantity, names_with_figures, read_quantities

_STRUCTURE = re.compile(
    r"第\s?[一二三四五六七八九十\d]{1,2}\s?(?:步|点|，|、|：|:|,|种|类|个?方面|层|部分|个?问题|题|列|行|条(?!约|例|款|规定)|组|空|道|环)"
    r"|(?:步骤|图|表|例|题目|题|问题|问|答|Q|A)\s?[一二三四五六七八九十\d]{1,2}(?=[：:、. ]|$)"
    r"|(?:以下|下面|如下|上述|以上|下列|这|这里的)[一二三四五六七八九十两\d]{1,2}\s?(?:点|个|种|步|类|项|条|方面|组|者|样|件)"
    r"|[分共]?(?:为|成)?[一二三四五六七八九十两\d]{1,2}\s?(?:个步骤|步(?!枪|行|入))",
    re.MULTILINE,
)
_MARKER = re.compile(r"^[ ]*(?:[-*][ ]+)?(?:\d{1,2}|[一二三四五六七八九十]{1,2})[ ]?[.、．)）][ ]*(?!\d)", re.MULTILINE)
_NUMBER_COLUMN = re.compile(r"序号|编号|No\.?|#|名次|步骤", re.IGNORECASE)
_LISTED = re.compile(r"[^，。；：！？\n、（）()]{1,16}(?:、[^，。；：！？\n、（）()]{1,16})+")
_LAST_OF_LIST = re.compile(r"(?<=[^\s])(?:以及|和|与|及|或)(?=[^\s])")
_GENERIC = re.compile(r"个|种|类|者|项|点|方面|处|样|条|部分|组|位|人|家|国|地|座|步|门|端|边|块|道|环节|阶段")
_TIME = re.compile(r"(?<!\d)(?P<h>\d{1,2})[:：](?P<m>[0-5]\d)(?!\d)")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'’]*(?:[-‐.&][A-Za-zÀ-ɏ]+)*")
_UNIT_NAMES = (
    "km cm mm nm kg mg ml mol kw kwh mw gw hz khz mhz ghz mb gb tb kb kj kcal ph am pm bc ad usd rmb km² ppm "
    "dpi rpm cc min hr sec vs etc mph ok"
)
_UNITS = frozenset(_UNIT_NAMES.split())


def foreign_numbers(case: Case) -> str | None:
    """Return the numbers of an answer that its source does not give."""
    if not case.form.faithful:
        return None
    source, dates = case.source, read_dates(case.source)
    given = _given(source, dates)
    stated = read_quantities(_without(source, ()))
    mine = read_dates(case.plain)
    text = _without(case.plain, [(date.start, date.end) for date in mine])
    text = _without_structure(text, case)
    missing = [one.said for one in read_quantities(text) if not _stands(one, given, stated, source)]
    return _told(missing, "not in the source")


def foreign_dates(case: Case) -> str | None:
    """Return the dates of an answer that its source does not give."""
    if not case.form.faithful:
        return None
    source = read_dates(case.source)
    years = {int(value) for value in _given(case.source, source) if value.denominator == 1}
    text = _without_structure(case.plain, case)
    missing = [text[d.start : d.end] for d in read_dates(text) if not stands_in(d, source, years)]
    return _told(missing, "not in the source")


def foreign_names(case: Case) -> str | None:
    """Return the Latin names of an answer that its source does not have, without case; units of measure are none."""
    if not case.form.faithful:
        return None
    held = {name.casefold() for name in _latin_names(case.source)}
    held |= {part for name in held for part in re.split(r"[-‐.&'’]", name)}
    with_figures = {name.casefold() for name in names_with_figures(case.source)}
    text = case.plain
    missing = [name for name in names_with_figures(text) if name.casefold() not in with_figures]
    for name in names_with_figures(text):
        text = text.replace(name, " ")
    missing += [name for name in _latin_names(text) if not _is_held(name.casefold(), held)]
    return _told(missing, "not in the source")


def _latin_names(text: str) -> list[str]:
    return [name for name in _LATIN.findall(text) if len(name) > 1]


def _is_held(name: str, held: set[str]) -> bool:
    parts = [part for part in re.split(r"[-‐.&'’]", name) if len(part) > 1]
    singular = {name, name.removesuffix("s"), name + "s"}
    return name in _UNITS or bool(singular & held) or (len(parts) > 1 and all(part in held for part in parts))


def _given(source: str, dates: Iterable[Date]) -> set[Fraction]:
    """Return every number that the source gives: in figures, numerals, words, and the parts of its dates and times."""
    values = {one.value for one in read_quantities(source)} | english_numbers(source)
    for date in dates:
        values |= {Fraction(abs(part)) for part in (date.year, date.month, date.day) if part is not None}
    for match in _TIME.finditer(source):
        hour, minute = int(match["h"]), int(match["m"])
        values |= {Fraction(hour), Fraction(hour % 12), Fraction(hour + 12), Fraction(minute)}
        values |= {Fraction(1, 2)} if minute == 30 else set()
    for match in re.finditer(r"(?:下午|晚上|傍晚|夜里|p\.?m)", source):
        near = read_quantities(source[max(0, match.start() - 8) : match.end() + 6])
        values |= {one.value + 12 for one in near if one.value <= 12}
    values |= {abs(value) for value in values if value < 0 and value.denominator == 1 and f"-{-value}" not in source}
    return values


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + "\0" * (end - start) + text[end:]
    return text


def _without_structure(text: str, case: Case) -> str:
    """Return the text without numbers that only order (第一步, 1., a column of them) and an exam's wrong options."""
    text = _MARKER.sub(_blank, _STRUCTURE.sub(_blank, text))
    rows = case.parts.of("row")
    if rows and _NUMBER_COLUMN.fullmatch(cells(rows[0].text)[0]):
        spans = [(row.start, row.start + text[row.start : row.end].find("|", 1)) for row in rows[1:]]
        text = _without(text, [(start, end) for start, end in spans if end > start])
    if case.form.shape == "exam":
        text = _without_wrong_options(text, case)
    return text


def _blank(match: re.Match[str]) -> str:
    return "".join(one if one == "\n" else "\0" for one in match[0])


def _without_wrong_options(text: str, case: Case) -> str:
    """Blot out the options, and in the reasoning what they say: a wrong option may say what the source does not."""
    spans = [(option.start, option.end) for option in case.parts.of("option")]
    said = {one.said for option in case.parts.of("option") for one in read_quantities(option.text)}
    said |= {option.text[d.start : d.end] for option in case.parts.of("option") for d in read_dates(option.text)}
    keys = {part.text.strip()[:1] for part in case.parts.of("key")}
    right = [option for option in case.parts.of("option") if option.label in keys]
    text = _without(text, [span for span in spans if span not in [(one.start, one.end) for one in right]])
    for part in case.parts.of("reasoning"):
        inner = text[part.start : part.end]
        for one in sorted(said, key=len, reverse=True):
            inner = inner.replace(one, "\0" * len(one))
        text = text[: part.start] + inner + text[part.end :]
    return text


def _stands(one: Quantity, given: set[Fraction], stated: list[Quantity], source: str) -> bool:
    if one.value in given or _is_one_of_a_unit(one, source):
        return True
    if one.hedged and _rounds(one.value, given):
        return True
    measure = MEASURE.match(one.counted)
    if not one.is_count or measure is None or not _GENERIC.match(one.counted):
        return False
    return not _contradicted(one, stated) and (one.value == 2 or _lists(source, int(one.value)))


def _is_one_of_a_unit(one: Quantity, source: str) -> bool:
    """Return whether the one of 一年 or 一公里 is the source's 每年 or `a mile`."""
    return one.value == 1 and (
        one.counted[:1] in "度"
        or bool(re.search(rf"[一1每半]\s?{re.escape(one.counted[:1])}|\b(?:a|an|per|one)\b", source))
    )


def _contradicted(one: Quantity, stated: list[Quantity]) -> bool:
    """Return whether the source counts the same things otherwise: 三个省 where it says 四个省."""
    return any(other.counted[:2] == one.counted[:2] and other.value != one.value for other in stated)


def _lists(source: str, count: int) -> bool:
    for match in _LISTED.finditer(source):
        items = match[0].count("、") + 1
        if count in (items, items + len(_LAST_OF_LIST.findall(match[0]))):
            return True
    return source.count("；") + 1 == count or len(re.findall(r"第[一二三四五六七八九]", source)) == count


def _rounds(value: Fraction, given: set[Fraction]) -> bool:
    """Return whether a number of the source, said less exactly, is this one: 约3.5万 of 34,872, 3万多 of 34,872."""
    if value <= 0:
        return False
    step = Fraction(10) ** _last_place(value)
    near = (other for other in given if other > 0 and other != value and abs(other - value) < step)
    return any(step * math.floor(other / step) == value or step * math.ceil(other / step) == value for other in near)


def _last_place(value: Fraction) -> int:
    """Return the power of ten of the last digit that says something: 4 for 30,000, -1 for 3.5."""
    place = 0
    while value.denominator != 1 and place > -8:
        value, place = value * 10, place - 1
    while value.denominator == 1 and value % 10 == 0 and value:
        value, place = value / 10, place + 1
    return place


def _told(missing: list[str], what: str) -> str | None:
    shown = list(dict.fromkeys(missing))
    return f"{what}: {', '.join(shown[:5])}{' …' if len(shown) > 5 else ''}" if shown else None
