"""Rows of a benchmark out of people's files or the Hub: CSV, TSV, JSON, JSONL, Parquet; each a dictionary. No torch."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from hanhua.documents.compression import bare_suffix, open_decompressed
from hanhua.documents.hub_sets import read_hub_set
from hanhua.errors import InputError
from hanhua.eval.tasks.definition import Rows
from hanhua.eval.tasks.unpacking import unpack_json

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
LETTERS = "ABCDEFGHIJ"
HEADER = ("question", "A", "B", "C", "D", "answer")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_SPLIT_SUFFIX = re.compile(r"_(dev|val|test|validation|train)$")


@dataclass(frozen=True)
class Row:
    """One row: where it stands, its subject by file, its number there, and its columns."""

    place: str
    subject: str
    number: int
    columns: dict[str, Any]


def find_layout(rows: Rows, data: Path | None) -> list[Path]:
    """Return the files of the first layout that is there, below a data folder; InputError when none is."""
    for pattern in rows.layouts:
        try:
            return find_files(Path(pattern) if data is None else data / pattern)
        except InputError:
            if len(rows.layouts) == 1:
                raise
    raise InputError(f"{data or Path()}: no {' and no '.join(rows.layouts)} here")


def find_files(pattern: str | Path) -> list[Path]:
    """Return the files a file, folder or pattern names, sorted; raises InputError when there is none.

    {a,b} in a pattern stands for either; a name that holds such braces itself is taken as it is.
    """
    if (braces := _BRACES.search(str(pattern))) and not Path(pattern).exists():
        return _find_either(str(pattern), braces)
    path = Path(pattern)
    if any(mark in str(pattern) for mark in "*?["):
        files = [p for p in Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))) if p.is_file()]
    elif path.is_dir():
        files = [file for file in path.iterdir() if file.is_file() and bare_suffix(file) in SUFFIXES]
        if not files:
            raise InputError(f"{path}: no {', '.join(SUFFIXES)} file in this folder")
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise InputError(f"{path}: no such file")
    if wrong := [file for file in files if bare_suffix(file) not in SUFFIXES]:
        raise InputError(f"{wrong[0]}: questions are read from {', '.join(SUFFIXES)} files")
    return sorted(files)


def _find_either(pattern: str, braces: re.Match[str]) -> list[Path]:
    found: list[Path] = []
    for choice in braces[1].split(","):
        with suppress(InputError):
            found += find_files(pattern[: braces.start()] + choice + pattern[braces.end() :])
    if not found:
        raise InputError(f"{pattern}: no such file")
    return sorted(found)


def read_files(files: list[Path], rows: Rows) -> Iterator[Row]:
    """Yield the rows of files; InputError for a file without any, naming it."""
    files, answers = _with_answers(files, rows)
    for path in files:
        subject = _SPLIT_SUFFIX.sub("", path.name.split(".")[0])
        number = -1
        for number, columns in enumerate(_columns(path, rows, answers)):
            yield Row(f"{path}#{number}", subject, number, columns)
        if number < 0:
            raise InputError(f"{path}: no question in it")


def read_hub(rows: Rows, *, revisions: Mapping[str, str] = MappingProxyType({})) -> Iterator[Row]:
    """Yield the rows of a data set of the Hub, one subject a configuration. revisions: by id; the newest if absent."""
    found = read_hub_set(str(rows.hub), configs=rows.configs, split=rows.split, revisions=revisions)
    for (repo, name), group in groupby(found, key=lambda one: one[:2]):
        records: Iterator[dict[str, Any]] = (columns for _, _, columns in group)
        if rows.unpack in ("chid", "arc"):  # the others are flat on the Hub
            records = unpack_json(rows.unpack, list(records), place=repo)
        for number, columns in enumerate(records):
            yield Row(f"{repo}:{name}:{rows.split}#{number}", name, number, columns)


def read_labels(path: Path) -> dict[str, Any]:
    """Return answers by id: `{"7": {"answer": 1}}`, or `{"7": 1}`."""
    if not path.is_file():
        raise InputError(f"{path}: no such file (the answers are in a file separate from the questions)")
    data = _load_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: a JSON {type(data).__name__}, where answers by id were expected")
    return {str(key): value["answer"] if isinstance(value, dict) else value for key, value in data.items()}


def _with_answers(files: list[Path], rows: Rows) -> tuple[list[Path], dict[str, Any]]:
    """Return the files of questions, and the answers of those beside them whose name says that they hold answers.

    CLUE publishes ChID so: dev.json without answers, dev_answer.json with all of them.
    """
    if rows.unpack != "chid":
        return files, {}
    questions = [path for path in files if "answer" not in path.name.lower()]
    beside = {path for file in questions for path in file.parent.glob("*answer*.json") if path.is_file()}
    return questions, {mark: index for path in sorted(beside) for mark, index in _load_json(path).items()}


def _columns(path: Path, rows: Rows, answers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    suffix = bare_suffix(path)
    if suffix in (".csv", ".tsv"):
        yield from _separated(path, rows.header, separator="\t" if suffix == ".tsv" else ",")
    elif suffix == ".jsonl" and rows.unpack is None:
        yield from _json_lines(path)
    elif suffix == ".parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches(batch_size=1024):
            yield from batch.to_pylist()
    else:
        data = list(_json_lines(path)) if suffix == ".jsonl" else _load_json(path)
        if rows.unpack is not None:
            data = unpack_json(rows.unpack, data, place=str(path), answers=answers)
        yield from _objects(path, data)


def _objects(path: Path, data: Any) -> Iterator[dict[str, Any]]:
    items = data if isinstance(data, (list, Iterator)) else [data]
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise InputError(f"{path}#{number}: a JSON {type(item).__name__}, where an object was expected")
        yield item


def _load_json(path: Path) -> Any:
    text = _text(path)
    try:
        return json.loads(text)
    except ValueError as error:
        # OCNLI, and CLUE's others, are JSON Lines under the name .json.
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines[:2]):
            with suppress(InputError):
                return list(_json_lines(path))
        raise InputError(f"{path}: not readable as JSON ({error})") from error


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_text(path).split("\n")):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}#{number}: not JSON ({error})") from error
        yield from _objects(path, [data])


def _separated(path: Path, header: tuple[str, ...], *, separator: str) -> Iterator[dict[str, Any]]:
    """Read with Python's csv, to which the option "None" is text; MMLU's files have no header."""
    # A quotation mark in a tab-separated question is a quotation mark.
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_NONE
    rows = [
        row
        for row in csv.reader(io.StringIO(_text(path)), delimiter=separator, quoting=quoting)
        if any(cell.strip() for cell in row)
    ]
    first = [cell.strip().lower() for cell in rows[0]] if rows else []
    bare = len(first) == len(HEADER) and first[-1].upper() in LETTERS[:4] and "question" not in first
    names = list(header) or (list(HEADER) if bare else rows.pop(0) if rows else [])
    for row in rows:
        yield dict(zip(names, row, strict=False))


def _text(path: Path) -> str:
    with open_decompressed(path) as file:
        data = file.read()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{path}: neither UTF-8 nor GB18030")
