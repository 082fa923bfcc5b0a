"""Our reading and our rules as steps of a datatrove pipeline; what runs them is in `datatrove_run`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from hanhua.documents.readers import read_records
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import MissingExtra
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.engine.intake import KEPT_FIELDS, Batch, document_fields, portions_of
from hanhua.filtering.engine.verdicts import verdict_file, writing
from hanhua.filtering.judge import Judge, Judged
from hanhua.processes import map_in_order

try:
    from datatrove.data import Document
    from datatrove.pipeline.base import PipelineStep
    from datatrove.pipeline.filters.base_filter import BaseFilter
    from datatrove.utils.logging import logger
except ImportError:
    raise MissingExtra("running on datatrove", "cluster") from None


class RecordReader(PipelineStep):  # type: ignore[misc]
    """Reads corpora as the filter itself does; rank r of n takes every n-th file from the r-th on.

    A corpus with `max_documents` is read by one rank: the others could not know when to stop.
    """

    type = "📖 - READER"
    name = "hanhua records"

    def __init__(self, corpora: Mapping[str, CorpusConfig]) -> None:
        super().__init__()
        self.corpora = dict(corpora)
        self.portions = portions_of(self.corpora)

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Yield this rank's records as datatrove's documents; broken ones are counted and named in its log."""
        if data:
            yield from data
        for name, labels in self.portions[rank::world_size]:
            documents = (one for source in labels for one in self._documents(name, source, labels[source]))
            for document in islice(documents, self.corpora[name].max_documents):
                self.stat_update("documents")
                yield document

    def _documents(self, name: str, source: str, label: str) -> Iterator[Document]:
        corpus = self.corpora[name]
        records = read_records(
            source, text_field=corpus.text_field, split=corpus.split, on_broken=self._note_broken, columns=KEPT_FIELDS
        )
        for record in records:
            fields = document_fields(record.fields, corpus, name, f"{name}:{label}#{record.number}")
            yield Document(text=record.text, id=fields.pop("id"), metadata=fields)

    def _note_broken(self, place: str, problem: str) -> None:
        self.stat_update("broken")
        logger.warning(f"skipped {place}: {problem}")


class RuleFilter(BaseFilter):  # type: ignore[misc]
    """Judges documents by a configuration; what is kept carries its cleaned and masked text.

    The language is the document's own (`metadata["language"]`), or the one given.
    """

    name = "汉 hanhua rules"

    def __init__(
        self, config: FilteringConfig, *, language: str = "zh", exclusion_writer: Any = None, batch_size: int = 64
    ) -> None:
        super().__init__(exclusion_writer, batch_size)
        self.config, self.language = config, language
        self._judge: Judge | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Matchers are built where they are used; they do not travel.
        return {**self.__dict__, "_judge": None}

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Return True, or False with the reason the filter itself gives."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: Sequence[Document]) -> list[bool | tuple[bool, str]]:
        """Return the same of several documents, which are judged together."""
        if self._judge is None:
            self._judge = Judge(self.config)
        languages = [doc.metadata.get("language", self.language) for doc in batch]
        results: list[bool | tuple[bool, str]] = []
        for doc, judged in zip(batch, self._judge.judge_all([doc.text for doc in batch], languages), strict=True):
            doc.text = judged.text
            if judged.verdict.keep:
                doc.metadata["script"] = judged.script
            results.append(True if judged.verdict.keep else (False, judged.verdict.reason))
        return results


class VerdictWriter(PipelineStep):  # type: ignore[misc]
    """Judges a rank's documents in several processes, and keeps the verdicts, from which `hanhua run` continues."""

    type = "💾 - WRITER"
    name = "hanhua verdicts"

    def __init__(self, config: FilteringConfig, folder: Path, *, workers: int) -> None:
        super().__init__()
        self.config, self.folder, self.workers = config, folder, workers

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Judge everything there is and write one file; nothing is passed on."""
        path = verdict_file(self.folder, rank, world_size)
        if path.is_file():
            logger.info(f"{path.name} is there already")
            return
        judged = map_in_order(
            _judge, _in_batches(data), prepare=Judge, arguments=(self.config,), workers=self.workers, name="filtering"
        )
        with writing(path) as append:
            for places, verdicts in judged:
                for place, verdict in zip(places, verdicts, strict=True):
                    self.stat_update("kept" if verdict.verdict.keep else "dropped")
                    append((place, verdict))
        yield from ()


def _in_batches(documents: Iterable[Document]) -> Iterator[tuple[list[str], tuple[list[str], list[str]]]]:
    """Yield ids, and what the judge is asked about them."""
    batch = Batch()
    for document in documents:
        batch.add(document.text, {**document.metadata, "id": document.id})
        if batch.full:
            yield [fields["id"] for fields in batch.rest], (batch.texts, batch.languages)
            batch = Batch()
    if batch.texts:
        yield [fields["id"] for fields in batch.rest], (batch.texts, batch.languages)


def _judge(judge: Judge, asked: tuple[list[str], list[str]]) -> list[Judged]:
    return judge.judge_all(*asked)


def flat_row(writer: Any, document: Document) -> dict[str, Any]:
    """Return a document as one level of fields, which is what our readers read (an adapter of datatrove's writers)."""
    del writer
    return {"id": document.id, "text": document.text, **document.metadata}
