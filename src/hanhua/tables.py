"""Aligned tables of text; a Chinese character takes two columns."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Sequence

TEXT_COLUMNS = 12
"""A column of words is made no narrower than this, however narrow the terminal is."""
_GAP = 2


def table_text(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as an aligned table, numbers to the right.

    On a terminal, what is too wide for it is wrapped inside its column, at words, and numbers stay whole. Elsewhere
    each row is one line, however long, so that other programs can search it. Nothing is ever cut.

    >>> print(table_text(("file", "documents"), [("新闻", "1,200"), ("books", "31")]))
    file   documents
    ────────────────
    新闻       1,200
    books         31
    """
    lines = [tuple(str(cell) for cell in row) for row in rows]
    columns = list(zip(heads, *lines, strict=True))
    widths = [max(map(columns_of, column)) for column in columns]
    right = [len(column) > 1 and all(map(_is_number, column[1:])) for column in columns]
    width = sum(widths) + _GAP * (len(widths) - 1)
    if sys.stdout.isatty():
        narrowest = sum(full if whole else min(full, TEXT_COLUMNS) for full, whole in zip(widths, right, strict=True))
        terminal = shutil.get_terminal_size().columns
        width = min(width, max(terminal, narrowest + _GAP * (len(widths) - 1)))
    return _drawn(heads, lines, widths, right, width)


def _drawn(heads: Sequence[str], lines: list[tuple[str, ...]], widths: list[int], right: list[bool], width: int) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, _GAP - 1, 0, 0))
    for head, full, to_right in zip(heads, widths, right, strict=True):
        table.add_column(
            Text(head),
            justify="right" if to_right else "left",
            overflow="fold",
            min_width=full if to_right else min(full, TEXT_COLUMNS),
        )
    for line in lines:
        table.add_row(*map(Text, line))
    # One column more, for the padding of the last column. Without it (`pad_edge`) Rich measures what it does not draw.
    console = Console(file=io.StringIO(), width=width + 1, color_system=None, legacy_windows=False, _environ={})
    with console.capture() as shown:
        console.print(table)
    return "\n".join(line[:-1].rstrip() for line in shown.get().rstrip("\n").split("\n"))


def columns_of(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    from rich.cells import cell_len

    return cell_len(text)


def _is_number(cell: str) -> bool:
    return not cell or cell.strip("+-−%×").replace(",", "").replace(".", "").isdigit()
