"""The parts of an answer, by the marks that the forms ask for: 问 and 答, a table, numbered steps, options."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BOLD = re.compile(r"\*\*|__|^#{1,6}[ ]*|^>[ ]*", re.MULTILINE)
_LABEL = re.compile(
    r"^(?P<label>问|问题|答|回答|题目|题|解答|解|解析|答案|实体|Q|A(?!\.))[ ]?"
    r"(?P<number>\d{1,2}|[一二三四五六七八九十])?[ ]?[：:][ ]*",
    re.IGNORECASE,
)
_STEP = re.compile(r"^(?P<number>\d{1,2})[ ]?[.、．)）][ ]*(?=\S)")
_OPTION = re.compile(r"^(?P<letter>[A-E])[ ]?[.、．:：)）][ ]*(?P<text>\S.*)$")
_ROW = re.compile(r"^\|?.*\|.*$")
_RULE = re.compile(r"^\|?[ ]*:?-{2,}:?[ ]*(?:\|[ ]*:?-{2,}:?[ ]*)*\|?$")
_PAIR = re.compile(r"^【(?P<names>[^】]+?[—–\-－、与和~～][^】]+?)】[ ]*(?P<text>.*)$")
_NAMES = {
    "问": "question", "问题": "question", "q": "question", "答": "answer", "回答": "answer", "a": "answer",
    "题目": "problem", "题": "problem", "解答": "solution", "解": "solution", "解析": "reasoning", "答案": "key",
    "实体": "entities",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A stretch of an answer.

    kind: question, answer, problem, solution, reasoning, key, entities, option, step, row, rule, pair or text. label:
    its letter, number or names. text: without the mark. start, end: the whole of it in the answer.
    """

    kind: str
    label: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Parts:
    """All parts of an answer, in order."""

    every: tuple[Part, ...]

    def of(self, *kinds: str) -> list[Part]:
        """Return those of some kinds."""
        return [part for part in self.every if part.kind in kinds]


def read_parts(text: str) -> Parts:
    """Return the parts of an answer in its comparable view. A line without a mark goes on with the part before it."""
    found: list[Part] = []
    place = 0
    for line in text.split("\n"):
        start, place = place, place + len(line) + 1
        bare = _BOLD.sub("", line).strip()
        if not bare:
            continue
        part = _part(bare, start, start + len(line))
        goes_on = part.kind == "text" and found and found[-1].kind not in ("text", "row", "rule", "key", "entities")
        if goes_on:
            last = found.pop()
            part = Part(last.kind, last.label, f"{last.text}\n{part.text}".strip(), last.start, part.end)
        found.append(part)
    return Parts(tuple(found))


def _part(line: str, start: int, end: int) -> Part:
    if _RULE.match(line) and ("|" in line or line.startswith(":-")):
        return Part("rule", "", line, start, end)
    if line.count("|") >= 2 or (line.startswith("|") and "|" in line[1:]):
        return Part("row", "", line, start, end)
    if (option := _OPTION.match(line)) is not None:
        return Part("option", option["letter"], option["text"].strip(), start, end)
    if (label := _LABEL.match(line)) is not None:
        return Part(_NAMES[label["label"].lower()], label["number"] or "", line[label.end() :].strip(), start, end)
    if (step := _STEP.match(line)) is not None:
        return Part("step", step["number"], line[step.end() :].strip(), start, end)
    if (pair := _PAIR.match(line)) is not None:
        return Part("pair", pair["names"], pair["text"].strip(), start, end)
    return Part("text", "", line, start, end)


def cells(row: str) -> list[str]:
    r"""Return the cells of a row of a Markdown table.

    >>> cells("| 年份 | 产量 |")
    ['年份', '产量']
    """
    return [cell.strip() for cell in row.strip().removeprefix("|").removesuffix("|").split("|")]
