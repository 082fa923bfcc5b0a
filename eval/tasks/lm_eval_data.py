"""Data sets of lm_eval's tasks out of a folder: `DATA/OWNER/NAME/[CONFIG/]SPLIT.jsonl`, in place of the Hub's.

Such a folder is what `hf download OWNER/NAME --repo-type dataset --local-dir DATA/OWNER/NAME` leaves, or one's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets

from hanhua.documents.readers import HUB_PREFIX
from hanhua.errors import InputError

READERS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
_SPLITS = {"val": "validation", "valid": "validation"}
_SPLIT = re.compile(r"(?:^|[_.-])(train|validation|valid|val|dev|test)(?=$|[_.-])")


@contextmanager
def datasets_below(folder: Path | None) -> Iterator[None]:
    """Give tasks that are loaded inside the block their data out of a folder; None leaves them to the Hub."""
    if folder is None:
        yield
        return
    before = datasets.load_dataset

    def load(path: str, name: str | None = None, **kwargs: Any) -> Any:
        if path in READERS.values() and kwargs.get("data_files"):
            return _named_files(folder, kwargs["data_files"])
        return local_dataset(folder, path, name)

    datasets.load_dataset = load
    try:
        yield
    finally:
        datasets.load_dataset = before


def local_dataset(folder: Path, path: str, name: str | None) -> datasets.DatasetDict:
    """Return a data set by split, out of its folder or its configuration's; InputError when it is not there."""
    place = folder / path
    if name is not None and (place / name).is_dir():
        place = place / name
    elif name is not None and (place / "data" / name).is_dir():
        place = place / "data" / name
    by_split: dict[str, list[str]] = {}
    for file in sorted(place.rglob("*")) if place.is_dir() else ():
        split = _SPLIT.search(file.stem)
        if file.suffix in READERS and split:
            by_split.setdefault(split[1], []).append(str(file))
    if not by_split:
        raise InputError(
            f"{place}: no SPLIT.jsonl, .json, .csv or .parquet of {path}"
            + (f" ({name})" if name else "")
            + f" here; hf download {path} --repo-type dataset --local-dir {folder / path}"
        )
    return datasets.DatasetDict({_split_name(split, by_split): _read(files) for split, files in by_split.items()})


def _named_files(folder: Path, named: dict[str, Any]) -> datasets.DatasetDict:
    """Return the files a task names one by one, as `hf://datasets/OWNER/NAME/FILE`, by split."""
    found = {}
    for split, files in named.items():
        places = [
            folder / str(file).removeprefix(HUB_PREFIX) for file in (files if isinstance(files, list) else [files])
        ]
        if absent := [place for place in places if not place.is_file()]:
            raise InputError(f"{absent[0]}: no such file; it is {HUB_PREFIX}{absent[0].relative_to(folder)} on the Hub")
        found[split] = _read([str(place) for place in places])
    return datasets.DatasetDict(found)


def _split_name(split: str, found: dict[str, list[str]]) -> str:
    """Return the split's name: `val` is what C-Eval calls its own, and elsewhere short for `validation`."""
    return split if split == "val" and "validation" not in found else _SPLITS.get(split, split)


def _read(files: list[str]) -> datasets.Dataset:
    suffix = Path(files[0]).suffix
    rows: list[dict[str, Any]] = []
    if suffix in (".jsonl", ".json"):
        from hanhua.eval.tasks.definition import Rows
        from hanhua.eval.tasks.rows import read_files

        rows = [row.columns for row in read_files([Path(file) for file in files], Rows())]
        return datasets.Dataset.from_list(rows)
    if suffix == ".csv":
        import csv

        for file in files:
            with Path(file).open(encoding="utf-8-sig", newline="") as text:
                rows += list(csv.DictReader(text))
        return datasets.Dataset.from_list(rows)
    return datasets.Dataset.from_parquet(files)
