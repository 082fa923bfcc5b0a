"""Aligned tables of text; a Chinese character takes two columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def table_text(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as an aligned table, numbers to the right."""
    lines = [tuple(heads), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(columns_of(line[i]) for line in lines) for i in range(len(heads))]
    right = [all(_is_number(line[i]) for line in lines[1:]) and len(lines) > 1 for i in range(len(heads))]
    rule = tuple("─" * width for width in widths)
    return "\n".join(
        "  ".join(
            _padded(cell, width, to_right) for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (lines[0], rule, *lines[1:])
    )


def columns_of(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _padded(cell: str, width: int, to_right: bool) -> str:
    space = " " * (width - columns_of(cell))
    return space + cell if to_right else cell + space


def _is_number(cell: str) -> bool:
    return not cell or cell.strip("+-−%×").replace(",", "").replace(".", "").isdigit()
