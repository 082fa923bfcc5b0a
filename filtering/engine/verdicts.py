"""Verdicts of the first pass made elsewhere: by many machines, one file each, from which `hanhua run` continues.

A verdict is stored under the id its document will have, so the pass that writes the corpus reads the texts again (a
fraction of what judging takes) and takes each verdict from the file of the task that had its text. Verdicts lie
under the key of everything that decides them; those of other settings, texts or versions are never looked at.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import zstandard

from hanhua.artifacts.files import fsync_folder
from hanhua.documents.compression import open_decompressed
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import Verdict
from hanhua.filtering.engine.checkpoint import VERDICTS, key_of
from hanhua.filtering.engine.intake import Batch, portions_of
from hanhua.filtering.judge import Judged
from hanhua.filtering.report.histograms import Histograms

_BYTES = ("digest", "signature", "lines")
Row = tuple[str, Judged]
"""A document's id and what became of it."""


def verdict_folder(out: Path, config: FilteringConfig, corpora: Mapping[str, CorpusConfig]) -> Path:
    """Return where the verdicts for `out`, a corpus being made, are kept."""
    sources = {name: corpus.sources() for name, corpus in corpora.items()}
    return out / "work" / VERDICTS / key_of(config, corpora, sources)[:12]


def verdict_file(folder: Path, task: int, tasks: int) -> Path:
    """Return the file of one task's verdicts; it is there when the task is done."""
    return folder / f"{task:05d}-of-{tasks:05d}.jsonl.zst"


@contextmanager
def writing(path: Path) -> Iterator[Any]:
    """Give a function that appends a row; the file is there when the block has ended well, and not before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".tmp")
    with aside.open("wb") as file:
        with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as out:

            def append(row: Row) -> None:
                out.write(json.dumps(_plain(*row)).encode() + b"\n")

            yield append
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    fsync_folder(path.parent)


def read_rows(path: Path) -> Iterator[Row]:
    """Yield what `writing` wrote."""
    with open_decompressed(path) as file:
        for line in file:
            fields = json.loads(line)
            fields.update({name: base64.b64decode(fields[name]) for name in _BYTES})
            fields["verdict"] = Verdict(**fields["verdict"])
            fields["questions"] = [tuple(question) for question in fields["questions"]]
            yield fields.pop("id"), Judged(**fields)


def _plain(place: str, judged: Judged) -> dict[str, Any]:
    fields = {"id": place, **asdict(judged)}
    return {**fields, **{name: base64.b64encode(fields[name]).decode() for name in _BYTES}}


class Verdicts:
    """The verdicts of all tasks, given out in the order of the texts."""

    def __init__(self, folder: Path, corpora: Mapping[str, CorpusConfig], tasks: int) -> None:
        rows = [read_rows(verdict_file(folder, task, tasks)) for task in range(tasks)]
        self._of_label = {
            f"{name}:{label}": rows[number % tasks]
            for number, (name, labels) in enumerate(portions_of(corpora))
            for label in labels.values()
        }

    @classmethod
    def find(cls, folder: Path, corpora: Mapping[str, CorpusConfig]) -> Verdicts | None:
        """Return the verdicts in a folder; None when there are none or some task is not done."""
        found = sorted(folder.glob("*-of-*.jsonl.zst"))
        for tasks in {int(path.name.partition("-of-")[2][:5]) for path in found}:
            if all(verdict_file(folder, task, tasks) in found for task in range(tasks)):
                return cls(folder, corpora, tasks)
        return None

    def of(self, place: str) -> Judged:
        """Return the verdict on a document; those on documents before it in its task's files are passed over."""
        rows = self._of_label[place.rpartition("#")[0]]
        for found, judged in rows:
            if found == place:
                return judged
        raise InputError(f"{place}: there is no verdict for it; were its texts changed? Delete `work/{VERDICTS}`")

    def batches(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Judged], Histograms]]:
        """Yield what `judge_batches` would."""
        for batch in batches:
            histograms, results = Histograms(), []
            for fields in batch.rest:
                judged = self.of(fields["id"])
                histograms.add(fields["corpus"], judged.measured)
                results.append(judged.without_measures())
            yield batch, results, histograms
