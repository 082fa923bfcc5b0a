"""Records of all corpora in order, in batches for the judge, each with the fields its Document will have."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from hanhua.documents.readers import HUB_PREFIX, read_records
from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.pool import Batch

BATCH_CHARACTERS = 300_000
BATCH_RECORDS = 512

OnBroken = Callable[[str, str, str], None]
"""Called with corpus, place (`corpus:file#record`) and problem for each record that cannot be used."""


class Intake:
    """Reads corpora in the order they are named, their files sorted."""

    def __init__(self, inputs: Mapping[str, CorpusConfig], *, on_broken: OnBroken) -> None:
        # Every path is looked up before anything is read: a missing file must not cost an hour.
        self._sources = {name: (config, config.sources()) for name, config in inputs.items()}
        self._on_broken = on_broken

    def batches(self) -> Iterator[Batch]:
        """Yield the records in order. Raises InputError for a file that is broken."""
        batch, size = Batch([], [], []), 0
        for name, (config, sources) in self._sources.items():
            labels = labels_of(sources)
            every = (pair for source in sources for pair in self._records(name, config, source, labels[source]))
            for text, fields in islice(every, config.max_documents):
                batch.texts.append(text)
                batch.languages.append(config.language)
                batch.rest.append(fields)
                size += len(text)
                if size >= BATCH_CHARACTERS or len(batch.texts) >= BATCH_RECORDS:
                    yield batch
                    batch, size = Batch([], [], []), 0
        if batch.texts:
            yield batch

    def _records(
        self, name: str, config: CorpusConfig, source: str, label: str
    ) -> Iterator[tuple[str, dict[str, str]]]:
        def broken(place: str, problem: str) -> None:
            self._on_broken(name, f"{name}:{label}#{place.rpartition('#')[2]}", problem)

        records = read_records(source, text_field=config.text_field, split=config.split, on_broken=broken)
        for record in records:
            yield (
                record.text,
                {
                    "id": f"{name}:{label}#{record.number}",
                    "corpus": name,
                    "source": _text_of(record.fields.get("source") or record.fields.get("domain")),
                    "url": _text_of(record.fields.get("url")),
                    "language": config.language,
                    "license": _text_of(record.fields.get("license")) or config.license,
                },
            )


def labels_of(sources: list[str]) -> dict[str, str]:
    """Return a short name for each source, the same on every machine: its path below their common folder."""
    files = [source for source in sources if not source.startswith(HUB_PREFIX)]
    root = Path(os.path.commonpath([Path(file).parent for file in files])) if files else Path()
    labels = {file: Path(file).relative_to(root).as_posix() for file in files}
    return {source: labels.get(source, source.removeprefix(HUB_PREFIX)) for source in sources}


def input_bytes(inputs: Mapping[str, CorpusConfig]) -> int:
    """Return the size of all local files on disk, or a gigabyte for a Hub data set, whose size is unknown."""
    size = 0
    for config in inputs.values():
        files = config.files()
        size += sum(path.stat().st_size for path in files) if files else 1 << 30
    return size


def _text_of(value: Any) -> str:
    return "" if value is None else str(value)
