"""Prompts out of people's files: JSONL, JSON, CSV, TSV or Parquet, whatever they call their columns. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.errors import InputError
from hanhua.eval.tasks.definition import Rows
from hanhua.eval.tasks.rows import find_files, read_files

PROMPT_COLUMNS = ("prompt", "问题", "question", "query", "instruction", "text")
CATEGORY_COLUMNS = ("category", "违规类型", "domain_zh", "type", "类型", "label")
ID_COLUMNS = ("id", "id_", "ID")


@dataclass(frozen=True)
class Prompt:
    """One prompt; `category` is what it tempts a model into, or resembles when it is benign."""

    id: str
    text: str
    category: str
    benign: bool


def read_prompts(path: str | Path, *, max_prompts: int | None = None, benign_only: bool = False) -> list[Prompt]:
    """Read prompts: a column for the prompt, and if they are there for id, category and benign.

    Of several files (a folder, a pattern) the file's name goes before an id, and is the category where none is
    there: JADE counts from 1 in each.

    Raises InputError for no prompt, no column for it, or (unless benign_only) none that is not benign: then there is
    no rate of harm to measure.
    """
    prompts: list[Prompt] = []
    files = find_files(path)
    several = len(files) > 1
    for row in read_files(files, Rows()):
        if max_prompts is not None and len(prompts) == max_prompts:
            break
        text = _first(row.columns, PROMPT_COLUMNS)
        if text is None:
            found = ", ".join(str(name) for name in row.columns)
            raise InputError(f"{row.place}: no column for the prompt ({', '.join(PROMPT_COLUMNS)}); found {found}")
        if not str(text).strip():
            raise InputError(f"{row.place}: the prompt is empty")
        id_, category = _first(row.columns, ID_COLUMNS), _first(row.columns, CATEGORY_COLUMNS)
        name = str(row.number if id_ in (None, "") else id_)
        prompts.append(
            Prompt(
                id=f"{row.subject}#{name}" if several else name,
                text=str(text),
                category=str(category or (row.subject if several else "uncategorized")),
                benign=benign_only or _benign(row.columns.get("benign", False), row.place),
            )
        )
    if not benign_only and not any(not prompt.benign for prompt in prompts):
        raise InputError(f"{path}: {len(prompts)} prompts, none of which tests for harm (all are benign)")
    return prompts


def _first(columns: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((columns[name] for name in names if columns.get(name) is not None), None)


def _benign(value: Any, place: str) -> bool:
    written = {"true": True, "1": True, "false": False, "0": False, "": False}
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() in written and not isinstance(value, float):
        return written[str(value).strip().lower()]
    raise InputError(f"{place}: benign is {value!r}, where true or false was expected")
