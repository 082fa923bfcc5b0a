"""Records of all corpora in order, in batches for the judge, each with the fields its Document will have."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanhua.documents.compression import position_in
from hanhua.documents.readers import HUB_PREFIX, is_remote, read_records
from hanhua.documents.sources import CorpusConfig

BATCH_CHARACTERS = 300_000
BATCH_RECORDS = 512


@dataclass(frozen=True)
class Broken:
    """A record that could not be used: its corpus, its place (`corpus:file#record`), and why."""

    corpus: str
    place: str
    problem: str


@dataclass
class Batch:
    """Records to judge: texts, languages and corpora go to the workers, the rest stays here.

    broken: what could not be used, among and after the records. source, records: the position of reading at the
    end of the batch, for a checkpoint: the number of the file, and of its records that are done. of_corpus: the
    same of the whole corpus, for its `max_documents`.
    """

    texts: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    corpora: list[str] = field(default_factory=list)
    rest: list[dict[str, str]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    source: int = 0
    records: int = 0
    of_corpus: int = 0
    characters: int = 0

    def add(self, text: str, fields: dict[str, str]) -> None:
        """Append a record."""
        self.texts.append(text)
        self.languages.append(fields["language"])
        self.corpora.append(fields["corpus"])
        self.rest.append(fields)
        self.characters += len(text)

    @property
    def full(self) -> bool:
        """Whether it should be judged now."""
        return self.characters >= BATCH_CHARACTERS or len(self.texts) >= BATCH_RECORDS


KEPT_FIELDS = ("source", "domain", "url", "license")
"""The fields of a record, beside its text, that a Document keeps something of."""


class Intake:
    """Reads corpora in the order they are named, their files sorted."""

    def __init__(self, inputs: Mapping[str, CorpusConfig]) -> None:
        # Every path is looked up before anything is read: a missing file must not cost an hour.
        self.sources = {name: config.sources() for name, config in inputs.items()}
        self._inputs = inputs
        self._sizes = [_size(source) for found in self.sources.values() for source in found]
        self._current: tuple[int, str] = (0, "")

    def batches(self, *, source: int = 0, records: int = 0, of_corpus: int = 0) -> Iterator[Batch]:
        """Yield the records in order, from a place a batch has named on. Raises InputError for a broken file."""
        batch = Batch()
        broken: list[Broken] = []
        for number, name, path, label in self._files():
            if number < source:
                continue
            taken = of_corpus if number == source else batch.of_corpus
            limit = self._inputs[name].max_documents
            self._current = (number, path)
            skip = records if number == source else 0
            for done, (text, fields) in self._records(name, path, label, broken=broken, skip=skip):
                if limit is not None and taken >= limit:
                    break
                batch.add(text, fields)
                batch.broken += broken
                broken.clear()
                taken += 1
                batch.source, batch.records, batch.of_corpus = number, done, taken
                if batch.full:
                    yield batch
                    batch = Batch(of_corpus=taken)
            batch.broken += broken
            broken.clear()
            batch.source, batch.records = number + 1, 0
            batch.of_corpus = 0 if path == self.sources[name][-1] else taken
        if batch.texts or batch.broken:
            yield batch

    def _files(self) -> Iterator[tuple[int, str, str, str]]:
        """Yield every file with its number, its corpus and its label."""
        number = 0
        for name, found in self.sources.items():
            labels = labels_of(found)
            for path in found:
                yield number, name, path, labels[path]
                number += 1

    def _records(
        self, name: str, source: str, label: str, *, broken: list[Broken], skip: int
    ) -> Iterator[tuple[int, tuple[str, dict[str, str]]]]:
        """Yield how many records of the file are done with each, and the record, but for the first `skip`."""
        config, done = self._inputs[name], 0

        def note(place: str, problem: str) -> None:
            # Those before the last record that is skipped were counted before.
            if done >= skip:
                broken.append(Broken(name, f"{name}:{label}#{place.rpartition('#')[2]}", problem))

        for record in read_records(
            source, text_field=config.text_field, split=config.split, on_broken=note, columns=KEPT_FIELDS
        ):
            done += 1
            if done > skip:
                yield (
                    done,
                    (record.text, document_fields(record.fields, config, name, f"{name}:{label}#{record.number}")),
                )

    def share_read(self) -> float:
        """Return the share of all input bytes that were read, as far as it can be told."""
        number, path = self._current
        done = sum(self._sizes[:number]) + min(position_in(Path(path)), self._sizes[number])
        return done / max(sum(self._sizes), 1)


def document_fields(fields: Mapping[str, Any], config: CorpusConfig, name: str, place: str) -> dict[str, str]:
    """Return the fields that the Document of a record will have: its place, where it is from, under which license."""
    return {
        "id": place,
        "corpus": name,
        "source": _text_of(fields.get("source") or fields.get("domain")),
        "url": _text_of(fields.get("url")),
        "language": config.language,
        "license": _text_of(fields.get("license")) or config.license,
    }


def labels_of(sources: list[str]) -> dict[str, str]:
    """Return a short name for each source, the same on every machine: its path below their common folder."""
    files = [source for source in sources if not is_remote(source)]
    root = Path(os.path.commonpath([Path(file).parent for file in files])) if files else Path()
    labels = {file: Path(file).relative_to(root).as_posix() for file in files}
    return {source: labels.get(source, source.removeprefix(HUB_PREFIX)) for source in sources}


def portions_of(corpora: Mapping[str, CorpusConfig]) -> list[tuple[str, dict[str, str]]]:
    """Return what one machine of several reads at least: a corpus's name, and some of its files with their labels.

    A corpus with `max_documents` is one portion: who reads a part of it could not know when to stop.
    """
    portions: list[tuple[str, dict[str, str]]] = []
    for name, corpus in corpora.items():
        labels = labels_of(corpus.sources())
        whole = corpus.max_documents is not None
        portions += [(name, part) for part in ([labels] if whole else ({source: labels[source]} for source in labels))]
    return portions


def input_bytes(inputs: Mapping[str, CorpusConfig]) -> int:
    """Return the size of all local files on disk, or a gigabyte for a Hub data set, whose size is unknown."""
    return sum(_size(source) for config in inputs.values() for source in config.sources())


def _size(source: str) -> int:
    return 1 << 30 if is_remote(source) else Path(source).stat().st_size


def _text_of(value: Any) -> str:
    return "" if value is None else str(value)
