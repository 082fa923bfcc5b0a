"""YAML that does not parse, mended line by line, so that one slip does not hide all the other mistakes of a file.

Nothing mended here is ever run: each repair is a mistake that is told, at its line. What cannot be mended is left out,
and its keys are remembered, so that nobody is told they are missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

MAX_LEFT_OUT = 8
"""A file of which more lines make no sense is no YAML at all; only its first mistake is told."""
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|(?:^|\s)#.*$")
_KEY = r"[^\W\d][\w.-]*"
_WIDE_COLON = re.compile(rf"(^\s*(?:- )*|[{{,，]\s*)({_KEY})\s*(：)\s*")
_WIDE_COMMA = re.compile(rf"(，)\s*(?={_KEY}\s*[:：])")
_NO_SPACE = re.compile(rf"^(\s*)({_KEY})(:)(?=[^\s/:])")
_CLOSERS = {"{": "}", "[": "]"}


@dataclass(frozen=True)
class Slip:
    """One thing that is not YAML. line, column: from 1."""

    line: int
    column: int
    message: str


@dataclass
class Mended:
    """The text as it parses, what was wrong with it, and the keys of lines that had to be left out."""

    lines: list[str]
    slips: list[Slip] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    left_out: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The lines together."""
        return "\n".join(self.lines)

    def wrong(self, number: int, column: int, message: str) -> None:
        """Note a slip; number: of the line, from 0."""
        self.slips.append(Slip(number + 1, column + 1, message))


def mended(text: str) -> Mended:
    """Return a text that `yaml.compose` reads, with every slip that was in it; the text itself where there is none."""
    found = Mended(text.split("\n"))
    for number in range(len(found.lines)):
        _mend_characters(found, number)
    for _ in range(len(found.lines) + MAX_LEFT_OUT):
        try:
            yaml.compose(found.text, Loader=yaml.SafeLoader)
            return found
        except yaml.MarkedYAMLError as error:
            _mend_error(found, error)
        except (yaml.YAMLError, RecursionError) as error:
            found.wrong(0, 0, f"not YAML: {error}")
            found.lines = [""]
        if len(found.left_out) > MAX_LEFT_OUT:
            found.lines, found.slips = [""], found.slips[:1]
    return found


def _mend_characters(found: Mended, number: int) -> None:
    """Put right what an input method or an editor left in a line: wide punctuation, tabs, a missing space."""
    line = found.lines[number]
    indent = line[: len(line) - len(line.lstrip())]
    if line.strip() and re.search("[\t\u00a0\u3000]", indent):
        found.wrong(number, 0, "not YAML: a tab or wide space in the indentation; YAML indents with plain spaces")
        line = re.sub("[\t\u00a0\u3000]", "  ", indent) + line.lstrip()
    for pattern, group, put, message in (
        (_WIDE_COMMA, 1, ", ", "a full-width comma '，' between two keys; YAML needs ','"),
        (_WIDE_COLON, 3, ": ", "a full-width colon '：' behind a key; YAML needs ': '"),
        (_NO_SPACE, 3, ": ", "no space behind the colon; YAML needs 'key: value'"),
    ):
        while (match := pattern.search(_outside_quotes(line))) is not None:
            found.wrong(number, match.start(group), f"not YAML: {message}")
            line = line[: match.start(group)] + put + line[match.end(group) :].lstrip()
            if pattern is _NO_SPACE:
                break
    found.lines[number] = line


def _outside_quotes(line: str) -> str:
    """Return a line of the same length with quoted text and comments blanked."""
    return _QUOTED.sub(lambda match: " " * len(match[0]), line)


def _mend_error(found: Mended, error: yaml.MarkedYAMLError) -> None:
    """Note what the parser stopped at, and change the line so that it goes on."""
    mark = error.problem_mark or error.context_mark
    number = min(mark.line if mark else 0, len(found.lines) - 1)
    again = any(slip.line == number + 1 and slip.message.startswith("not YAML: ") for slip in found.slips)
    beside = any(abs(number - other) <= 1 for other in found.left_out)
    if not (again or beside):
        found.wrong(number, mark.column if mark else 0, f"not YAML: {error.problem or error.context}")
    opened = error.context_mark.line if error.context_mark else number
    if not again and "mapping values are not allowed" in str(error.problem) and _quote(found, number):
        return
    if not again and "flow" in str(error.context) and _close(found, opened):
        return
    if not again and "quoted scalar" in str(error.context):
        quote = '"' if found.lines[opened].count('"') % 2 else "'"
        found.lines[opened] += quote
        return
    _leave_out(found, number)


def _quote(found: Mended, number: int) -> bool:
    """Put a value with a colon in it into quotes, as it should have been."""
    match = re.match(rf"^(\s*(?:- )*{_KEY}:\s+)([^\s{{\[\"'].*?)\s*$", found.lines[number])
    if match is None:
        return False
    found.lines[number] = match[1] + "'" + match[2].replace("'", "''") + "'"
    return True


def _close(found: Mended, number: int) -> bool:
    """Add the brackets a line opens and does not close; False where it closes them all."""
    open_: list[str] = []
    for character in _outside_quotes(found.lines[number]):
        if character in _CLOSERS:
            open_.append(_CLOSERS[character])
        elif open_ and character == open_[-1]:
            open_.pop()
    found.lines[number] += "".join(reversed(open_))
    return bool(open_)


def _leave_out(found: Mended, number: int) -> None:
    while number > 0 and not found.lines[number].strip():
        number -= 1
    found.lost |= set(re.findall(rf"({_KEY})\s*:", found.lines[number]))
    found.lines[number] = ""
    found.left_out.append(number)
