"""Aligned tables of text; a Chinese character takes two columns."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Sequence

LEAST_COLUMNS = 24
"""A wrapped column is made no narrower than this; where there is less room, its texts stand below their rows."""
_GAP = 2
_BELOW = "    "


def table_text(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as an aligned table, numbers to the right.

    On a terminal, the widest column of words is wrapped at words until the table fits; where that leaves it too narrow,
    its texts stand below their rows. Elsewhere each row is one line, however long, so that other programs can search
    it. Nothing is ever cut.

    >>> print(table_text(("file", "documents"), [("新闻", "1,200"), ("books", "31")]))
    file   documents
    ────────────────
    新闻       1,200
    books         31
    """
    lines = [tuple(str(cell) for cell in row) for row in rows]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return "\n".join(_drawn(list(heads), lines, [()] * len(lines), width))


def _drawn(
    heads: list[str], lines: list[tuple[str, ...]], below: list[tuple[str, ...]], width: int | None
) -> list[str]:
    """Return the lines of a table. below: texts that stand under each row. width: of the terminal, None elsewhere."""
    columns = list(zip(heads, *lines, strict=True))
    widths = [max(map(columns_of, column)) for column in columns]
    right = [len(column) > 1 and all(map(_is_number, column[1:])) for column in columns]
    total = sum(widths) + _GAP * (len(widths) - 1)
    words = [number for number in range(len(widths)) if not right[number]]
    if width is not None and total > width and words:
        widest = max(words, key=lambda number: (widths[number], number))
        room = width - total + widths[widest]
        if room < min(LEAST_COLUMNS, widths[widest]) and len(heads) > 1:
            head = "" if widest == len(heads) - 1 else f"{heads[widest]}: "  # the last says what it is by itself
            moved = [
                (*texts, *([head + line[widest]] if line[widest] else ()))
                for texts, line in zip(below, lines, strict=True)
            ]
            without = [line[:widest] + line[widest + 1 :] for line in lines]
            return _drawn(heads[:widest] + heads[widest + 1 :], without, moved, width)
        widths[widest] = max(room, 1)
    drawn = _row(heads, widths, right)
    ruled = max((*map(columns_of, drawn), sum(widths) + _GAP * (len(widths) - 1)))
    drawn.append("─" * ruled)
    for line, texts in zip(lines, below, strict=True):
        drawn += _row(list(line), widths, right)
        for text in texts:
            drawn += [_BELOW + part for part in wrapped(text, max((width or 80) - len(_BELOW), 1))]
    return drawn


def _row(cells: list[str], widths: list[int], right: list[bool]) -> list[str]:
    """Return the lines of one row: as many as its tallest cell has."""
    parts = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for number in range(max(map(len, parts))):
        padded = []
        for part, width, to_right in zip(parts, widths, right, strict=True):
            text = part[number] if number < len(part) else ""
            space = " " * (width - columns_of(text))
            padded.append(space + text if to_right else text + space)
        lines.append((" " * _GAP).join(padded).rstrip())
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` columns, broken at spaces, behind Han and marks, in words last.

    >>> wrapped("texts that were read", 10), wrapped("路径是/data/corpora/zh", 12)
    (['texts that', 'were read'], ['路径是/data/', 'corpora/zh'])
    """
    lines, line = [], ""
    for piece in _PIECE.findall(text):
        while piece:
            if columns_of((line + piece).rstrip()) <= width:
                line, piece = line + piece, ""
            elif line.strip():
                lines.append(line.rstrip())
                line, piece = "", piece.lstrip()
            else:
                cut = next(n for n in range(len(piece), 0, -1) if n == 1 or columns_of(piece[:n]) <= width)
                lines.append(piece[:cut])
                piece = piece[cut:]
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


_PIECE = re.compile(
    r"[\u2e80-\u9fff\uff00-\uffef] *|[^\s/\u2e80-\u9fff\uff00-\uffef]*/+|[^\s/\u2e80-\u9fff\uff00-\uffef]+ *| +|\s"
)


def columns_of(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    from rich.cells import cell_len

    return cell_len(text)


def _is_number(cell: str) -> bool:
    return not cell or cell.strip("+-−%×").replace(",", "").replace(".", "").isdigit()
