"""Runs the judge over batches of records, in this process or in several; the order never changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.engine.intake import Batch
from hanhua.filtering.judge import Judge, Judged
from hanhua.filtering.report.histograms import Histograms
from hanhua.processes import map_in_order


def judge_batches(
    config: FilteringConfig, batches: Iterable[Batch], *, workers: int
) -> Iterator[tuple[Batch, list[Judged], Histograms]]:
    """Yield each batch with what became of it and what was measured, in input order, a few in flight per worker."""
    items = ((batch, (batch.texts, batch.languages, batch.corpora)) for batch in batches)
    for batch, (judged, histograms) in map_in_order(
        _judge, items, prepare=Judge, arguments=(config,), workers=workers, name="filtering"
    ):
        yield batch, judged, histograms


def _judge(judge: Judge, batch: tuple[list[str], list[str], list[str]]) -> tuple[list[Judged], Histograms]:
    texts, languages, corpora = batch
    histograms, results = Histograms(), judge.judge_all(texts, languages)
    for judged, corpus in zip(results, corpora, strict=True):
        histograms.add(corpus, judged.measured)
        # Counted here: a few bins travel between processes, not a table per document.
        judged.measured.clear()
    return results, histograms
