"""Copies of one model in separate processes, one per GPU if there are several; batches go to whichever is free."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from hanhua.errors import HanhuaError
from hanhua.eval.engine.generation import generate_group
from hanhua.eval.engine.likelihood import score_batch
from hanhua.eval.engine.loaded_model import Dtype, LoadedModel, load_model
from hanhua.eval.engine.model_folder import ModelFolder, open_model_folder
from hanhua.eval.engine.requests import Generated, Likelihood, Sampling, ScoredInput

_AHEAD = 2
_model: list[LoadedModel] = []


class Workers:
    """A pool whose processes each load the model once, at the first job."""

    def __init__(self, source: ModelFolder, *, dtype: Dtype, processes: int, threads: int | None) -> None:
        self._processes = processes
        share = max(1, (threads or os.cpu_count() or 1) // processes)
        # `spawn`: a forked copy of a parent with CUDA or threads does not work.
        context = multiprocessing.get_context("spawn")
        rank = context.Value("i", 0)
        arguments = (source.name, str(source.folder), source.content_hash, dtype, share, rank)
        self._pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_load, initargs=arguments)

    def score(self, jobs: Sequence[tuple[list[ScoredInput], int, bool]]) -> Iterator[list[list[Likelihood]]]:
        """Yield the results of scoring jobs, in order."""
        yield from self._in_order(_score, jobs)

    def generate(
        self, jobs: Sequence[tuple[list[tuple[int, ...]], Sampling, list[int], int]]
    ) -> Iterator[list[Generated]]:
        """Yield the results of generation jobs, in order."""
        yield from self._in_order(_generate, jobs)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)

    def _in_order(self, function: Callable[..., Any], jobs: Sequence[Any]) -> Iterator[Any]:
        waiting: deque[Future[Any]] = deque()
        try:
            for job in jobs:
                waiting.append(self._pool.submit(function, *job))
                if len(waiting) > self._processes * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise HanhuaError("a process of the evaluation was killed (out of memory?); try fewer processes") from error


def _load(name: str, folder: str, content_hash: str, dtype: Dtype, threads: int, rank: Any) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    logging.disable_progress_bar()
    with rank.get_lock():
        number, rank.value = rank.value, rank.value + 1
    torch.set_num_threads(threads)
    gpus = torch.cuda.device_count()
    device = torch.device("cuda", number % gpus) if gpus else torch.device("cpu")
    source = open_model_folder(name, Path(folder), hash_of_content=content_hash)
    _model[:] = [load_model(source, dtype=dtype, device=device)]


def _score(items: list[ScoredInput], prefix_tokens: int, greedy: bool) -> list[list[Likelihood]]:
    return score_batch(_model[0], items, prefix_tokens=prefix_tokens, greedy=greedy)


def _generate(prompts: list[tuple[int, ...]], sampling: Sampling, seeds: list[int], batch_size: int) -> list[Generated]:
    return generate_group(_model[0], prompts, sampling, seeds, batch_size)
