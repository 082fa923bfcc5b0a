"""Trackers in addition to TensorBoard, such as W&B, when a run asks for them; through accelerate's own classes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import MissingExtra, UsageError

PROJECT = "hanhua"
ID_LENGTH = 21
"""SwanLab took no other length for a long time; W&B takes any."""


def check_trackers(names: Sequence[str]) -> None:
    """Raise UsageError for a tracker whose package is not installed: accelerate would leave it out without a word."""
    if not names:
        return
    try:
        from accelerate.tracking import get_available_trackers
    except ImportError:
        raise MissingExtra("training", "train") from None
    there = {str(name) for name in get_available_trackers()}
    for name in names:
        if name not in there:
            raise UsageError(f"report_to: {name} is not installed; install its package, or remove it from report_to")


def start_trackers(names: Sequence[str], folder: Path, *, config: Mapping[str, Any]) -> list[Any]:
    """Return accelerate's trackers, begun; what they keep on disk goes below `folder`.

    W&B and SwanLab resume the same run after a stop: its id is kept in `folder`.
    """
    if not names:
        return []
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    begun = []
    for name in names:
        kind = LOGGER_TYPE_TO_CLASS[name]
        place = {"wandb": "dir", "swanlab": "logdir"}.get(name)
        options = {"id": _run_id(folder), "resume": "allow", place: str(folder)} if place else {}
        where = [str(folder)] if kind.requires_logging_directory else []
        tracker = kind(PROJECT, *where, **options)
        tracker.start()
        tracker.store_init_configuration(dict(flattened(config)))
        begun.append(tracker)
    return begun


def flattened(config: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings by dotted name, since not every tracker takes nested ones.

    >>> list(flattened({"lora": {"rank": 4}, "phases": []}))
    [('lora.rank', 4), ('phases', '[]')]
    """
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", json.dumps(value) if isinstance(value, (list, tuple)) else value


def _run_id(folder: Path) -> str:
    path = folder / "trackers.json"
    if not path.is_file():
        write_json(path, {"id": secrets.token_hex(11)[:ID_LENGTH]})
    return str(read_json(path)["id"])
