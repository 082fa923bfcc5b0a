"""Runs the judge over batches of records, in this process or in several; the order never changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge, Judged
from hanhua.processes import map_in_order


@dataclass(frozen=True)
class Batch:
    """Records to judge: texts and languages go to the workers, `rest` stays here."""

    texts: list[str]
    languages: list[str]
    rest: list[dict[str, str]]


def judge_batches(
    config: FilteringConfig, batches: Iterable[Batch], *, workers: int
) -> Iterator[tuple[Batch, list[Judged]]]:
    """Yield each batch with what became of it, in input order, with a few batches in flight per worker."""
    items = ((batch, (batch.texts, batch.languages)) for batch in batches)
    yield from map_in_order(_judge, items, prepare=Judge, arguments=(config,), workers=workers, name="filtering")


def _judge(judge: Judge, batch: tuple[list[str], list[str]]) -> list[Judged]:
    return judge.judge_all(*batch)
