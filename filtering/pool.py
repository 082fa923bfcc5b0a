"""Runs the judge over batches of records, in this process or in several; the order never changes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from hanhua.errors import HanhuaError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge, Judged

MAX_WORKERS = 8
SMALL_BYTES = 8_000_000
_BATCHES_AHEAD = 3


@dataclass(frozen=True)
class Batch:
    """Records to judge: texts and languages go to the workers, `rest` stays here."""

    texts: list[str]
    languages: list[str]
    rest: list[dict[str, str]]


def choose_workers(wanted: int | None, *, input_bytes: int) -> int:
    """Return the number of processes: as wanted, else one a core up to 8, and one for small inputs."""
    if wanted is not None:
        return wanted
    return 1 if input_bytes < SMALL_BYTES else min(os.cpu_count() or 1, MAX_WORKERS)


def judge_batches(
    config: FilteringConfig, batches: Iterable[Batch], *, workers: int
) -> Iterator[tuple[Batch, list[Judged]]]:
    """Yield each batch with what became of it, in input order, with a few batches in flight per worker."""
    if workers == 1:
        judge = Judge(config)
        for batch in batches:
            yield batch, judge.judge_all(batch.texts, batch.languages)
        return
    # `spawn`: the same everywhere, and no copy of a parent that has threads. The window keeps memory bounded.
    waiting: deque[tuple[Batch, Future[list[Judged]]]] = deque()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare, initargs=(config,)) as pool:
        try:
            for batch in batches:
                waiting.append((batch, pool.submit(_judge, batch.texts, batch.languages)))
                if len(waiting) > workers * _BATCHES_AHEAD:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        except BrokenProcessPool as error:
            raise HanhuaError("a filtering worker was killed (out of memory?); try fewer workers") from error
        finally:
            for _, future in waiting:
                future.cancel()


_judges: list[Judge] = []


def _prepare(config: FilteringConfig) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _judges[:] = [Judge(config)]


def _judge(texts: list[str], languages: list[str]) -> list[Judged]:
    return _judges[0].judge_all(texts, languages)
