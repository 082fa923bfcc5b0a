"""Whether every number, date and Latin name of a faithful answer stands in its source, in whatever writing.

Limit: none may be without one: what is invented here is what a model learns as a fact (Kimi K2 checks the fidelity of
its rephrased texts too, arXiv 2507.20534). Numbers that only order (第一步, 1.) are none, nor is how many things the
source lists without counting them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.dates import read_dates, stands_in
from hanhua.synthesis.checks.parts import cells
from hanhua.synthesis.checks.quantities import names_with_figures, read_quantities
from hanhua.synthesis.checks.source_numbers import Source

_STRUCTURE = re.compile(
    r"^[ ]*(?:\d{1,2}[.、][ ]*)?第[一二三四五六]次"
    r"|第\s?[一二三四五六七八九十\d]{1,2}\s?(?:步|点|，|、|：|:|,|种|类|个?方面|层|部分|个?问题|题|列|行|条(?!约|例|款|规定)|组|空|道|环)"
    r"|(?:步骤|图|表|例|题目|题|问题|问|答|Q|A)\s?[一二三四五六七八九十\d]{1,2}(?=[：:、. ]|$)"
    r"|(?:其余|其他|另外|[A-D]、?)[二两三四]\s?(?:个选)?项"
    r"|(?:以下|下面|如下|上述|以上|下列|这|这里的)[一二三四五六七八九十两\d]{1,2}\s?(?:点|个|种|步|类|项|条|方面|组|者|样|件)"
    r"|[分共]?(?:为|成)?[一二三四五六七八九十两\d]{1,2}\s?(?:个步骤|步(?!枪|行|入))",
    re.MULTILINE,
)
_MARKER = re.compile(r"^[ ]*(?:[-*][ ]+)?(?:\d{1,2}|[一二三四五六七八九十]{1,2})[ ]?[.、．)）][ ]*(?!\d)", re.MULTILINE)
_NUMBER_COLUMN = re.compile(r"序号|编号|No\.?|#|名次|步骤", re.IGNORECASE)
_DENIED = re.compile(r"不(?:正确|是|属于|包括|符合|符|恰当|成立|对|能)|错误|有误|除了|没有")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'’]*(?:[-‐.&][A-Za-zÀ-ɏ]+)*")
_UNIT_NAMES = (
    "km cm mm nm kg mg ml mol kw kwh mw gw hz khz mhz ghz mb gb tb kb kj kcal ph am pm bc ad usd rmb km² ppm "
    "dpi rpm cc min hr sec vs etc mph ok"
)
_UNITS = frozenset(_UNIT_NAMES.split())


def foreign_numbers(case: Case) -> str | None:
    """Return the numbers of an answer that its source does not give, or gives of something else."""
    if not case.form.faithful:
        return None
    source = Source.of(case)
    mine = read_dates(case.plain)
    text = _without(case.plain, [(date.start, date.end) for date in mine])
    text = _without_structure(text, case)
    missing = [one.said for one in read_quantities(text) if not source.gives(one)]
    return _told(missing, "not in the source")


def foreign_dates(case: Case) -> str | None:
    """Return the dates of an answer that its source does not give."""
    if not case.form.faithful:
        return None
    source, numbers = read_dates(case.source), Source.of(case)
    # 1998—2008年: the first year is a plain number.
    years = {*numbers.years, *(int(one.value) for one in numbers.stated if one.value.denominator == 1)}
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
    # Of 下列哪一项不正确 the right option is the one that the source does not bear out.
    denied = any(_DENIED.search(part.text) for part in case.parts.of("problem"))
    right = [option for option in case.parts.of("option") if option.label in keys and not denied]
    text = _without(text, [span for span in spans if span not in [(one.start, one.end) for one in right]])
    for part in case.parts.of("reasoning"):
        inner = text[part.start : part.end]
        for one in sorted(said, key=len, reverse=True):
            inner = re.sub(rf"(?<![\d.]){re.escape(one)}(?![\d.])", "\0" * len(one), inner)
        text = text[: part.start] + inner + text[part.end :]
    return text


def _told(missing: list[str], what: str) -> str | None:
    shown = list(dict.fromkeys(missing))
    return f"{what}: {', '.join(shown[:5])}{' …' if len(shown) > 5 else ''}" if shown else None
