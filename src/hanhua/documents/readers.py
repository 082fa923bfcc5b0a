"""Records out of people's files: .jsonl, .json, .txt, .csv, .tsv, .parquet, also .gz or .zst, and Hub data sets.

A `.txt` file holds one document per line, as `datasets` reads it. A broken record is counted and skipped
with its place; a broken file is an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.documents.compression import bare_suffix, open_decompressed
from hanhua.documents.delimited import SUFFIXES as DELIMITED
from hanhua.documents.delimited import read_delimited
from hanhua.documents.encodings import NotDecodable, decode_whole, decoded_lines
from hanhua.errors import InputError, MissingExtra
from hanhua.model_scope import MS_PREFIX, fetched_files, is_modelscope

FORMATS = (".jsonl", ".json", ".txt", ".csv", ".tsv", ".parquet")
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
    source: str | Path, *, text_field: str = "text", split: str = "train", on_broken: OnBroken | None = None
) -> Iterator[Record]:
    """Yield the records of one file or Hub data set, streaming.

    Without `on_broken` the first broken record raises InputError. Raises InputError for a missing or
    truncated file, an unknown format, or when no record at all has the text field.
    """

    def broken(place: str, reason: str) -> None:
        if on_broken is None:
            raise InputError(f"{place}: {reason}")
        on_broken(place, reason)

    seen_fields: set[str] = set()
    number, found = -1, 0
    for number, fields in _raw_records(source, split, broken):
        text = fields.get(text_field)
        if isinstance(text, str):
            found += 1
            yield Record(number, text, {k: v for k, v in fields.items() if k != text_field})
            continue
        if not found:
            seen_fields |= set(fields)
        broken(f"{source}#{number}", f"no text in the field {text_field!r}")
    if number >= 0 and not found:
        has = ", ".join(sorted(seen_fields)) or "none"
        raise InputError(f"{source}: no record has the text field {text_field!r}; fields found: {has}")


def expand_paths(pattern: str | Path) -> list[Path]:
    """Return the data files that a path, folder or glob names, sorted; InputError when there is none."""
    path = Path(pattern)
    if path.is_dir():
        found = [p for p in _below(path) if p.is_file() and bare_suffix(p) in FORMATS]
    elif any(c in str(pattern) for c in "*?["):
        found = [p for p in Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))) if p.is_file()]
    else:
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        found = [path]
    if not found:
        raise InputError(f"{pattern}: no {', '.join(FORMATS)} file here")
    return sorted(found)


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; InputError for a folder that cannot be read, which `rglob` passes over."""

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for place, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(place, name) for name in names)


def read_fields(path: Path, *, on_broken: OnBroken) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and fields of each record of one file, whatever its fields are called."""
    yield from _raw_records(path, "train", on_broken)


def _raw_records(
    source: str | Path, split: str, broken: Callable[[str, str], None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    if str(source).startswith(HUB_PREFIX):
        yield from enumerate(_hub(str(source).removeprefix(HUB_PREFIX), split))
        return
    if is_modelscope(str(source)):
        yield from enumerate(_modelscope(str(source), split, broken))
        return
    path = Path(source)
    suffix = bare_suffix(path)
    if suffix == ".parquet":
        yield from _parquet(path)
    elif suffix == ".json":
        yield from _json(path, broken)
    elif suffix in DELIMITED:
        yield from read_delimited(path, suffix, broken)
    elif suffix in (".jsonl", ".txt"):
        yield from _lines(path, suffix, broken)
    else:
        raise InputError(f"{path}: unknown format {suffix or '(no suffix)'}; expected one of {', '.join(FORMATS)}")


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
    with open_decompressed(path) as file:
        text = decode_whole(file.read(), path)
        try:
            data = json.loads(text)
        except ValueError as error:
            raise InputError(f"{path}: not readable as JSON ({error})") from error
    items = data if isinstance(data, list) else [data]
    for number, fields in enumerate(items):
        if isinstance(fields, dict):
            yield number, fields
        else:
            broken(f"{path}#{number}", f"a JSON {type(fields).__name__}, where an object was expected")


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_decompressed(path) as file:
        # Parquet is read from its end; a compressed wrapper has no seek, so it is read whole.
        source = file if path.suffix == ".parquet" else pa.BufferReader(file.read())
        try:
            table = pq.ParquetFile(source)
            number = 0
            for batch in table.iter_batches(batch_size=1024):
                for fields in batch.to_pylist():
                    yield number, fields
                    number += 1
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: not a readable Parquet file ({error})") from error


def _modelscope(name: str, split: str, broken: Callable[[str, str], None]) -> Iterator[dict[str, Any]]:
    """Yield the records of a data set's files on ModelScope, which are downloaded first, file by file in order."""
    for file in expand_paths(fetched_files(name)):
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
