"""Whether an answer keeps the form that it was asked for: the limits are those of the forms' own prompts, with room."""

from __future__ import annotations

import re
from collections.abc import Callable

from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.parts import Part, cells
from hanhua.synthesis.forms.form import Shape

MIN_PAIRS = 2
MIN_ANSWER = 6
MIN_STEPS = 3
MIN_ROWS = 2
ASKS = re.compile(r"[？?][”」』）)]?\s*\Z")


def broken_form(case: Case) -> str | None:
    """Return what an answer lacks of its form."""
    return _SHAPES[case.form.shape](case)


def _faq(case: Case) -> str | None:
    return _pairs_mistake(case, case.parts.of("question", "answer"), least=MIN_PAIRS) or _stray(case, allowed=1)


def _pairs_mistake(case: Case, parts: list[Part], *, least: int) -> str | None:
    """Return what is wrong with questions and answers that are to take turns."""
    kinds = [part.kind for part in parts]
    if kinds != ["question", "answer"] * (len(parts) // 2) or len(parts) % 2:
        return f"{kinds.count('question')} questions and {kinds.count('answer')} answers, not in turns"
    if len(parts) // 2 < least:
        return f"{len(parts) // 2} pairs of question and answer, where at least {least} were asked for"
    questions = [part.text for part in parts if part.kind == "question"]
    if len({re.sub(r"\W", "", one) for one in questions}) < len(questions):
        return "a question twice"
    for part in parts:
        if part.kind == "question" and not ASKS.search(part.text):
            return f"a question that asks nothing: {part.text[:30]}"
        if part.kind == "answer" and sum(map(str.isalnum, part.text)) < (MIN_ANSWER if case.form.shape == "faq" else 1):
            return f"an answer that says nothing: {part.text[:30]}"
    return None


def _stray(case: Case, *, allowed: int) -> str | None:
    stray = case.parts.of("text")
    return f"text outside of the form: {stray[-1].text[:30]}" if len(stray) > allowed else None


def _table(case: Case) -> str | None:
    rows, rules = case.parts.of("row"), case.parts.of("rule")
    if len(rows) < MIN_ROWS + 1 or not rules:
        return "no table with a head, a rule and two rows"
    width = {len(cells(row.text)) for row in rows}
    if len(width) > 1 or min(width) < 2:
        return f"rows of {', '.join(map(str, sorted(width)))} cells"
    if len(cells(rules[0].text)) not in width or not rows[0].start < rules[0].start < rows[1].start:
        return "the rule is not below the head, or not as wide"
    if all(not cell or cell in ("未提及", "-", "—", "–") for row in rows[1:] for cell in cells(row.text)[1:]):
        return "a table of empty cells"
    asked = case.parts.of("question", "answer")
    if any(part.start < rows[-1].start for part in asked):
        return "questions before the table"
    return _pairs_mistake(case, asked, least=1)


def _word_problem(case: Case) -> str | None:
    kinds = [part.kind for part in case.parts.every if part.kind in ("problem", "solution", "answer", "key")]
    if kinds != ["problem", "solution", "answer"]:
        return f"题目, 解答, 答 were asked for; there are {', '.join(kinds) or 'none'}"
    problem, solution, answer = (case.parts.of(kind)[0].text for kind in ("problem", "solution", "answer"))
    if not re.search(r"[？?]|求|多少|几", problem):
        return "a problem that asks nothing"
    if not re.search(r"[=＝≈]|等于", solution):
        return "a solution without a sum"
    return None if re.search(r"\d|[一二三四五六七八九十百千万]|够|能|是|不", answer) else "an answer without a number"


def _tutorial(case: Case) -> str | None:
    steps = [int(part.label) for part in case.parts.of("step")]
    if len(steps) < MIN_STEPS:
        return f"{len(steps)} numbered steps, where at least {MIN_STEPS} were asked for"
    if steps != list(range(1, len(steps) + 1)):
        return f"steps numbered {', '.join(map(str, steps))}"
    if case.parts.every[0].kind != "text" or len(case.parts.every[0].text) > 60:
        return "no title"
    if case.parts.of("question", "key", "option"):
        return "questions in a tutorial"
    short = [part.text for part in case.parts.of("step") if sum(map(str.isalnum, part.text)) < 8]
    return f"a step that says nothing: {short[0]}" if short else None


def _prose(case: Case) -> str | None:
    marked = [part for part in case.parts.every if part.kind != "text"]
    if marked:
        return f"{marked[0].kind} in what was to be prose"
    heading = re.search(r"^#{1,6} |^\s*[-*•] ", case.text, re.MULTILINE)
    return None if heading is None else "headings or a list in what was to be prose"


def _translation(case: Case) -> str | None:
    asked = len([one for one in re.split(r"\n\s*\n", case.seed.text.strip()) if one.strip()])
    made = len([one for one in re.split(r"\n\s*\n", case.text) if one.strip()])
    if asked > 1 and not asked / 2 <= made <= asked * 1.5 + 1 and len(case.text.split("\n")) != asked:
        return f"{made} paragraphs of {asked}"
    return "questions in a translation" if case.parts.of("question", "key") else None


def _relations(case: Case) -> str | None:
    heads, pairs = case.parts.of("entities"), case.parts.of("pair")
    if len(heads) != 1 or not heads[0].text:
        return "no line of entities"
    entities = [one.strip(" 。.") for one in re.split(r"[、，,；;]", heads[0].text) if one.strip(" 。.")]
    if not 2 <= len(entities) <= 8:
        return f"{len(entities)} entities"
    foreign = [one for one in entities if one.casefold() not in case.source.casefold()]
    if foreign:
        return f"an entity that the source does not name: {foreign[0]}"
    if len(pairs) < MIN_PAIRS:
        return f"{len(pairs)} relations, where at least {MIN_PAIRS} were asked for"
    named = [part for part in pairs if sum(one in part.label for one in entities) < 2]
    return f"a relation of none of the entities: {named[0].label}" if named else None


def _exam(case: Case) -> str | None:
    parts = [p for p in case.parts.every if p.kind in ("problem", "option", "reasoning", "key")]
    starts = [number for number, part in enumerate(parts) if part.kind == "problem"]
    if not starts or starts[0] != 0:
        return "no 题目"
    for start, end in zip(starts, [*starts[1:], len(parts)], strict=True):
        if (wrong := _question_mistake(parts[start:end])) is not None:
            return wrong
    return None


def _question_mistake(parts: list[Part]) -> str | None:
    kinds = [part.kind for part in parts[1:]]
    if kinds not in (["option"] * 4 + ["reasoning", "key"], ["option"] * 4 + ["key", "reasoning"]):
        return f"four options, 解析 and 答案 were asked for; there are {', '.join(kinds)}"
    options = [part for part in parts if part.kind == "option"]
    if [one.label for one in options] != ["A", "B", "C", "D"] or len({one.text for one in options}) < 4:
        return "options that are not A to D, each of its own"
    key = next(part.text for part in parts if part.kind == "key")
    letter = re.match(r"[（(]?([A-D])", key)
    if letter is None or re.match(r"[（(]?[A-D][、，,和A-D]", key):
        return f"答案 is no letter: {key[:20]}"
    reasoning = next(part.text for part in parts if part.kind == "reasoning")
    if sum(map(str.isalnum, reasoning)) < 12:
        return "reasoning that says nothing"
    chosen = re.findall(
        r"(?:故选|应选|所以选|因此选|选择?|答案[是为]|正确(?:选项|答案)[是为])\s?[“「]?([A-D])(?![A-Za-z])", reasoning
    )
    return f"答案 {letter[1]}, but 解析 says {chosen[-1]}" if chosen and chosen[-1] != letter[1] else None


_SHAPES: dict[Shape, Callable[[Case], str | None]] = {
    "faq": _faq,
    "table": _table,
    "word_problem": _word_problem,
    "tutorial": _tutorial,
    "prose": _prose,
    "translation": _translation,
    "relations": _relations,
    "exam": _exam,
}
