from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import pytest

from hanhua.tables import columns_of, table_text


def test_chinese_takes_two_columns() -> None:
    assert columns_of("汉化 ok") == 7
    lines = table_text(("名", "n"), [("汉化", "1"), ("x", "20")]).split("\n")
    assert lines[2] == "汉化   1"
    assert lines[3] == "x     20"


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    text = table_text(("word", "count"), [("a", "1,000"), ("bb", "−3")])
    assert text.split("\n")[-1] == "bb       −3"


@contextmanager
def terminal() -> Iterator[None]:
    """Stdout is a real terminal; how wide it is, COLUMNS says."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as stdout, redirect_stdout(stdout):
        yield
    os.close(ours)


ROWS = [("news 新闻与评论", "1,234,567", "texts that were read from a folder"), ("b [/i] :smile:", "8", "x" * 70)]


def test_without_a_terminal_a_row_is_one_line_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    lines = table_text(("name", "n", "about"), ROWS).split("\n")
    assert len(lines) == 2 + len(ROWS)
    assert all(cell in line for line, row in zip(lines[2:], ROWS, strict=True) for cell in row)


@pytest.mark.parametrize("columns", [1, 20, 40, 60, 80, 300])
def test_a_terminal_wraps_columns_and_cuts_nothing(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with terminal():
        text = table_text(("name", "n", "about"), ROWS)
    assert max(map(columns_of, text.split("\n"))) <= max(columns, len("1,234,567") + 4)
    assert "1,234,567" in text
    shown = Counter(text.replace("─", ""))
    for row in ROWS:
        shown.subtract(Counter("".join(row).replace(" ", "")))
    assert min(shown.values()) >= 0


def test_a_terminal_wraps_at_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    with terminal():
        lines = table_text(("n", "about"), [("1", "texts that were read from a folder")]).split("\n")
    assert lines[2:] == ["1  texts that were read from a", "   folder"]


def test_a_table_that_fits_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "113")
    elsewhere = table_text(("name", "n", "about"), ROWS)
    with terminal():
        assert table_text(("name", "n", "about"), ROWS) == elsewhere
    assert elsewhere.split("\n")[1] == "─" * max(map(columns_of, elsewhere.split("\n")))


@pytest.mark.parametrize(("first", "last"), [("x" * 30, "1"), ("1", "x" * 30), ("汉" * 9, "a b c")])
def test_whichever_column_is_widest_no_row_is_wrapped(first: str, last: str) -> None:
    assert table_text(("a", "b"), [(first, last)]).count("\n") == 2


WHY = "not run yet; 4.4 GB of text at 5 MB/s per core, 16 cores; size unknown: zh_wiki"
PLAN = [
    ("filtering", "runs", "55 s", "", "", "1.5 GB", WHY),
    ("continued_pretrain", "waits", "24.3 h", "$61", "56.0 GB", "27.2 GB", "for filtering, resize; single: 56.0 GB"),
]  # fmt: skip
HEADS = ("stage", "state", "hours", "money", "memory", "disk", "why, and what the estimates are based on")


@pytest.mark.parametrize("columns", [60, 80, 100, 132])
def test_a_plan_fits_the_terminal_and_breaks_no_word(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with terminal():
        lines = table_text(HEADS, PLAN).split("\n")
    assert max(map(columns_of, lines)) <= columns
    shown = " ".join(lines).split()
    for row in PLAN:
        for cell in row:
            assert not [word for word in cell.split() if word not in shown], (cell, lines)


def test_what_has_no_room_beside_stands_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "36")
    row = ("filtering", "runs/x/filtering/0123456789ab", "a reason")
    with terminal():
        lines = table_text(("stage", "folder", "why"), [row]).split("\n")
    assert lines == [
        "stage      why",
        "─" * 19,
        "filtering  a reason",
        "    folder: runs/x/filtering/",
        "    0123456789ab",
    ]
