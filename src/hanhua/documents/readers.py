"""Records out of people's files: JSON Lines, JSON, text, CSV, Parquet, Arrow, compressed or in a ZIP; Hub data sets.

A `.txt` file holds one document per line, as `datasets` reads it. A broken record is counted and skipped
with its place; a broken file is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.documents.columns import read_columns
from hanhua.documents.compression import bare_suffix, members_of, open_decompressed
from hanhua.documents.delimited import SUFFIXES as DELIMITED
from hanhua.documents.delimited import read_delimited
from hanhua.documents.encodings import NotDecodable, decode_whole, decoded_lines
from hanhua.documents.places import FORMATS, expand_paths
from hanhua.documents.templates import fields_of, text_reader
from hanhua.errors import InputError, MissingExtra
from hanhua.model_scope import MS_PREFIX, fetched_files, is_modelscope

HUB_PREFIX = "hf://datasets/"


def is_remote(path: str) -> bool:
    """Return whether a corpus is a data set of the Hub or of ModelScope, and no file here."""
    return path.startswith((HUB_PREFIX, MS_PREFIX))


@dataclass(frozen=True)
class Record:
    """One record of a file: its number from 0, its text, and the other fields as they came."""

    number: int
    text: str
    fields: dict[str, Any]


OnBroken = Callable[[str, str], None]
"""Called with the place (`file#record`) and the reason for each record that is skipped."""


def read_records(
    source: str | Path,
    *,
    text_field: str = "text",
    split: str = "train",
    on_broken: OnBroken | None = None,
    columns: Collection[str] | None = None,
) -> Iterator[Record]:
    """Yield the records of one file or Hub data set, streaming.

    text_field: the name of a field, or a template (`hanhua.documents.templates`). columns: the other fields that are
    needed, if the file's format can tell them apart; None for all.
    Without `on_broken` the first broken record raises InputError. Raises InputError for a missing or
    truncated file, an unknown format, or when no record at all has the text field.
    """

    def broken(place: str, reason: str) -> None:
        if on_broken is None:
            raise InputError(f"{place}: {reason}")
        on_broken(place, reason)

    seen_fields: set[str] = set()
    number, found = -1, 0
    read_text, used = text_reader(text_field), fields_of(text_field)
    wanted = None if columns is None else used | set(columns)
    for number, fields in _raw_records(source, split, broken, wanted):
        text = read_text(fields)
        if text is not None:
            found += 1
            yield Record(number, text, {k: v for k, v in fields.items() if k not in used})
            continue
        if not found:
            seen_fields |= set(fields)
        broken(f"{source}#{number}", f"no text in the field {text_field!r}")
    if number >= 0 and not found:
        has = ", ".join(sorted(seen_fields)) or "none"
        raise InputError(f"{source}: no record has the text field {text_field!r}; fields found: {has}")


def read_fields(path: Path, *, on_broken: OnBroken) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and fields of each record of one file, whatever its fields are called."""
    yield from _raw_records(path, "train", on_broken)


def _raw_records(
    source: str | Path,
    split: str,
    broken: Callable[[str, str], None],
    wanted: Collection[str] | None = None,
) -> Iterator[tuple[int, dict[str, Any]]]:
    if str(source).startswith(HUB_PREFIX):
        yield from enumerate(_hub(str(source).removeprefix(HUB_PREFIX), split))
        return
    if is_modelscope(str(source)):
        yield from enumerate(_modelscope(str(source), split, broken))
        return
    path = Path(source)
    suffix = bare_suffix(path)
    if suffix == ".zip":
        yield from _archive(path, split, broken, wanted)
    elif suffix in (".parquet", ".arrow"):
        yield from read_columns(path, suffix, wanted)
    elif suffix == ".json":
        yield from _json(path, broken)
    elif suffix in DELIMITED:
        yield from read_delimited(path, suffix, broken)
    elif suffix in (".jsonl", ".ndjson", ".txt"):
        yield from _lines(path, suffix, broken)
    else:
        raise InputError(f"{path}: unknown format {suffix or '(no suffix)'}; expected one of {', '.join(FORMATS)}")


def _archive(
    path: Path, split: str, broken: Callable[[str, str], None], wanted: Collection[str] | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the records of the files in a ZIP archive, sorted, numbered on from one to the next."""
    members = [member for member in members_of(path) if bare_suffix(member) in FORMATS and member.suffix != ".zip"]
    if not members:
        raise InputError(f"{path}: no {', '.join(FORMATS)} file inside")
    first = 0
    for member in members:
        last = -1

        def note(place: str, reason: str, first: int = first) -> None:
            inner, _, number = place.rpartition("#")
            broken(f"{path}#{first + int(number)}", f"{Path(inner).name}: {reason}")

        for number, fields in _raw_records(member, split, note, wanted):
            last = number
            yield first + number, fields
        first += last + 1


def _lines(path: Path, suffix: str, broken: Callable[[str, str], None]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in decoded_lines(path):
        place = f"{path}#{number}"
        if isinstance(line, NotDecodable):
            broken(place, str(line))
            continue
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        if suffix == ".txt":
            yield number, {"text": text}
            continue
        try:
            fields = json.loads(text)
        except ValueError as error:
            broken(place, f"not JSON ({error})")
            continue
        if isinstance(fields, dict):
            yield number, fields
        else:
            broken(place, f"a JSON {type(fields).__name__}, where an object was expected")


def _json(path: Path, broken: Callable[[str, str], None]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a JSON list, a single object, or those of JSON Lines, which many call `.json`."""
    if _begins_with_an_object(path):
        yield from _lines(path, ".jsonl", broken)
        return
    with open_decompressed(path) as file:
        text = decode_whole(file.read(), path)
        try:
            data = json.loads(text)
        except ValueError as error:
            raise InputError(f"{path}: not readable as JSON, and its first line is no object ({error})") from error
    items = data if isinstance(data, list) else [data]
    for number, fields in enumerate(items):
        if isinstance(fields, dict):
            yield number, fields
        else:
            broken(f"{path}#{number}", f"a JSON {type(fields).__name__}, where an object was expected")


def _begins_with_an_object(path: Path) -> bool:
    """Return whether the first line that is not blank is an object and ends as one."""
    for _, line in decoded_lines(path, quietly=True):
        if isinstance(line, str) and not line.strip():
            continue
        try:
            return isinstance(line, str) and isinstance(json.loads(line), dict)
        except ValueError:
            return False
    return False


def _modelscope(name: str, split: str, broken: Callable[[str, str], None]) -> Iterator[dict[str, Any]]:
    """Yield the records of a data set's files on ModelScope, which are downloaded first, file by file in order."""
    for file in expand_paths(fetched_files(name), split=split):
        yield from (fields for _, fields in _raw_records(file, split, broken))


def _hub(name: str, split: str) -> Iterator[dict[str, Any]]:
    try:
        from datasets import load_dataset
    except ImportError:
        raise MissingExtra(f"reading {HUB_PREFIX}{name}", "scale") from None
    repo, revision, config = parse_hub_name(name)
    yield from load_dataset(repo, config, revision=revision, split=split, streaming=True)


def parse_hub_name(name: str) -> tuple[str, str | None, str | None]:
    """Return repository, revision and configuration of a Hub data set's name (with or without `hf://datasets/`).

    >>> parse_hub_name("HuggingFaceFW/fineweb-2@3a1f:cmn_Hani")
    ('HuggingFaceFW/fineweb-2', '3a1f', 'cmn_Hani')
    """
    place, _, config = name.removeprefix(HUB_PREFIX).partition(":")
    repo, _, revision = place.partition("@")
    return repo, revision or None, config or None
