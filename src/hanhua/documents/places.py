"""Which data files a path, a folder or a glob names: also folders of the Hub, and those that `save_to_disk` wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from hanhua.documents.compression import bare_suffix
from hanhua.errors import InputError

FORMATS = (".jsonl", ".ndjson", ".json", ".txt", ".csv", ".tsv", ".parquet", ".arrow", ".zip")
# What `datasets` writes beside the data: descriptions in JSON, which are no records.
_DESCRIPTIONS = frozenset({"dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json"})
_SPLITS = "dataset_dict.json"
_CACHES = ("cache-", "tmp")
"""How the Arrow files begin that `datasets` leaves of its own computations."""


def expand_paths(pattern: str | Path, *, split: str = "train") -> list[Path]:
    """Return the data files that a path, folder or glob names, sorted; InputError when there is none.

    A name with brackets is that file where it exists, and a pattern only where it does not. Below a folder, what
    is hidden and what only describes a data set is passed over. split: which one to take of a folder of several
    that `save_to_disk` wrote.
    """
    path = Path(pattern)
    if path.is_dir():
        found = _data_below(path, split)
    elif path.is_file():
        found = [path]
    elif any(c in str(pattern) for c in "*?["):
        found = [p for p in _matching(path) if p.is_file()]
    else:
        raise InputError(f"{path}: no such file")
    if not found:
        raise InputError(f"{pattern}: no {', '.join(FORMATS)} file here")
    return sorted(found)


def _matching(path: Path) -> Iterator[Path]:
    """Yield what a glob matches; its leading folders, as far as they exist, are names and no patterns."""
    root = Path(path.anchor or ".")
    parts = list(path.relative_to(path.anchor).parts)
    while len(parts) > 1 and (root / parts[0]).is_dir():
        root /= parts.pop(0)
    yield from root.glob("/".join(parts))


def _data_below(folder: Path, split: str) -> list[Path]:
    saved = folder / _SPLITS
    if saved.is_file():
        folder = folder / _chosen(saved, split)
    return [path for path in _below(folder) if bare_suffix(path) in FORMATS and not _is_description(path)]


def _chosen(saved: Path, split: str) -> str:
    """Return the split to read of those that `DatasetDict.save_to_disk` names."""
    try:
        splits = list(json.loads(saved.read_text(encoding="utf-8"))["splits"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{saved}: not as `save_to_disk` writes it ({error})") from error
    if split not in splits:
        raise InputError(f"{saved.parent}: has no split {split!r}; it has {', '.join(map(str, splits)) or 'none'}")
    return split


def _is_description(path: Path) -> bool:
    if path.name == "state.json":
        return any(path.parent.glob("*.arrow"))
    return path.name in _DESCRIPTIONS or (path.suffix == ".arrow" and path.name.startswith(_CACHES))


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; InputError for a folder that cannot be read, which `rglob` passes over."""

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))
