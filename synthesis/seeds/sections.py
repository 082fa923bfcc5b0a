"""Long documents in sections that end where paragraphs or sentences do, each with what a reader must know of before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_STOP = r"(?:[。！？!?；;]+|\.(?=[\"'”’)]*(?:\s+[^a-z0-9\s]|\s*$)))[”’」』）)\"']*"
"""A full stop ends a sentence where a new one begins behind it: not in 3.5, nor in fig. 3. Quotes close with it."""
SENTENCE = re.compile(rf"(?:(?!{_STOP})[^\n])*{_STOP}|[^\n]+")
MAX_TITLE = 40
"""A first line up to this many characters, without a full stop, is taken for a title."""


@dataclass(frozen=True)
class Section:
    """A piece of a document. context: its title and the end of the piece before, empty where there is none."""

    text: str
    context: str


def cut_sections(text: str, *, max_characters: int, context_characters: int, max_sections: int) -> list[Section]:
    """Cut a text into pieces of about equal length, at most `max_characters` each; a short one is a single piece.

    >>> [s.text for s in cut_sections("一。二。三。", max_characters=4, context_characters=0, max_sections=9)]
    ['一。二。', '三。']
    """
    text = text.strip()
    if len(text) <= max_characters:
        return [Section(text, "")]
    pieces = -(-len(text) // max_characters)
    wanted = min(max_characters, -(-len(text) // pieces) + max_characters // 10)
    title = _title(text)
    sections: list[Section] = []
    before = ""
    for piece in _filled(text, wanted=wanted, most=max_characters):
        context = "\n".join(part for part in (title if sections else "", _end(before, context_characters)) if part)
        sections.append(Section(piece, context))
        before = piece
        if len(sections) == max_sections:
            break
    return sections


def _filled(text: str, *, wanted: int, most: int) -> Iterator[str]:
    """Yield pieces of whole units, a new one begun as soon as one more unit would exceed what is wanted."""
    held = ""
    for unit in _units(text, most):
        if held.strip() and len(held) + len(unit.rstrip()) > wanted:
            yield held.strip()
            held = ""
        held += unit
    if held.strip():
        yield held.strip()


def _units(text: str, most: int) -> Iterator[str]:
    """Yield sentences, the last of a paragraph with its line break."""
    for line in text.splitlines():
        found = SENTENCE.findall(line) or [line]
        for number, sentence in enumerate(found):
            *parts, rest = _cut(sentence, most)
            yield from parts
            yield rest + ("\n" if number == len(found) - 1 else "")


def _cut(sentence: str, most: int) -> list[str]:
    """Return a sentence in pieces that are not too long, cut between words where it has some, else anywhere."""
    pieces = []
    while len(sentence) > most:
        at = sentence.rfind(" ", 1, most) + 1 or most
        pieces.append(sentence[:at])
        sentence = sentence[at:]
    return [*pieces, sentence]


def _title(text: str) -> str:
    first = text.split("\n", 1)[0].strip()
    return first if len(first) <= MAX_TITLE and not re.search(r"[。！？]$", first) else ""


def _end(text: str, characters: int) -> str:
    """Return the last whole sentences of a text within some characters."""
    kept = ""
    for sentence in reversed(SENTENCE.findall(text)):
        if len(kept) + len(sentence) > characters:
            break
        kept = sentence + kept
    return kept.strip()
