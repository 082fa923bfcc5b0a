"""Finds commands in Markdown, in fenced `sh` blocks and in indented ones; `<!-- run -->` before a block marks it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from repository import ROOT

PROGRAMS = ("hanhua", "vocab-extension")
MARK = "<!-- run -->"
_BREAKS = {"|", "||", "&&", ";", ">", ">>", "<", "2>"}


@dataclass(frozen=True)
class Block:
    """One block of shell commands. line: of its first command, from 1."""

    page: Path
    line: int
    commands: tuple[str, ...]
    marked: bool


def pages() -> list[Path]:
    """Return every Markdown page with commands for users."""
    docs = ROOT / "docs"
    # Of docs/results/ only the index: a page's commands belong to the commit it was measured at, not to this one.
    results = sorted((docs / "results").glob("index*.md"))
    return [*sorted(ROOT.glob("README*.md")), ROOT / "CONTRIBUTING.md", *sorted(docs.glob("*.md")), *results]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that hold a command of ours."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").split("\n")
    number, marked = 0, False
    while number < len(lines):
        line = lines[number]
        if line.strip() == MARK:
            marked = True
        elif re.match(r"```(sh|bash|shell)\s*$", line):
            end = next(i for i in range(number + 1, len(lines)) if lines[i].startswith("```"))
            found.append(Block(page, number + 2, _joined(lines[number + 1 : end]), marked))
            number, marked = end, False
        elif line.startswith("```"):
            number = next(i for i in range(number + 1, len(lines)) if lines[i].startswith("```"))
            marked = False
        elif line.startswith("    ") and (number == 0 or not lines[number - 1].strip()):
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            found.append(Block(page, number + 1, _joined([text[4:] for text in lines[number:end]]), marked))
            number, marked = end - 1, False
        elif line.strip():
            marked = False
        number += 1
    return [block for block in found if any(command.split()[0] in PROGRAMS for command in block.commands)]


def _joined(lines: list[str]) -> tuple[str, ...]:
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return tuple(line.strip() for line in text.split("\n") if line.strip() and not line.strip().startswith("#"))


def words_of(command: str) -> list[str]:
    """Return the words of a command up to its first pipe, redirection or comment."""
    words = shlex.split(command, comments=True)
    end = next((i for i, word in enumerate(words) if word in _BREAKS), len(words))
    return words[:end]
