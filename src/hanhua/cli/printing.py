"""Data on stdout: JSON for scripts, aligned tables for people."""

from __future__ import annotations

import difflib
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from hanhua.tables import table_text, wrapped


def print_json(data: Any) -> None:
    """Print data as JSON, with Chinese characters unescaped."""
    print(json.dumps(data, ensure_ascii=False, indent=2))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows as an aligned table."""
    print(table_text(heads, rows))


def print_text(text: str) -> None:
    """Print sentences; on a terminal, wrapped at words."""
    if not sys.stdout.isatty():
        print(text)
        return
    width = shutil.get_terminal_size().columns
    for line in text.split("\n"):
        print("\n".join(wrapped(line, width)))


def closest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean X?)` for a near miss, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
