"""Runs a model over many requests: planned into batches, answered from what is known, spread over processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hanhua.eval.engine.generation import fit_length, fit_prompt, generate_group
from hanhua.eval.engine.likelihood import best_log_probabilities, score_batch
from hanhua.eval.engine.loaded_model import Dtype, LoadedModel, Reader, load_model, open_reader, resolved_dtype
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.requests import Generated, Likelihood, OnDone, Sampling, ScoredInput
from hanhua.eval.engine.responses import Responses, request_key
from hanhua.eval.engine.server import PROBES, Server
from hanhua.eval.engine.shared_prefix import Batch, count_tokens, plan_batches
from hanhua.eval.engine.workers import Workers

GROUP_BATCHES = 32
"""Batches' worth of prompts that are written as one group, whose rows are refilled as replies end."""


class Runner:
    """One model to ask: it is loaded at the first request that is not answered already.

    The batches depend on the requests alone, and a batch runs whole or not at all; so resuming after a
    kill gives the same numbers, to the last bit, as never having stopped.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        batch_size: int,
        load: Callable[[], LoadedModel],
        responses: Responses | None = None,
        workers: Workers | None = None,
        server: Server | None = None,
        score_with_server: bool = False,
    ) -> None:
        self.reader, self.batch_size = reader, batch_size
        self._load, self._model = load, None if not isinstance(reader, LoadedModel) else reader
        self._responses = responses or Responses(None)
        self._workers, self._server = workers, server
        self._scores_there = server is not None and score_with_server
        self.written_tokens = self.written_characters = 0
        self.writing_seconds = 0.0
        self._compared = False

    @property
    def model(self) -> LoadedModel:
        """The model in this process, loaded now if it was not."""
        if self._model is None:
            self._model = self._load()
        return self._model

    def score(
        self, items: Sequence[ScoredInput], *, greedy: bool = True, on_done: OnDone | None = None
    ) -> list[list[Likelihood]]:
        """Return the likelihood of every alternative of every item, in the order given."""
        kind = "likelihoodserved" if self._scores_there else "likelihood"
        keys = [[request_key(kind, item.inputs, target, str(greedy)) for target in item.targets] for item in items]
        known = self._responses.get_many(key for row in keys for key in row)
        results = [[_likelihood(known[key]) for key in row if key in known] for row in keys]
        lengths = [len(item.inputs) for item in items]
        plan = plan_batches(
            [item.inputs for item in items],
            scored=[len(item.targets[0]) for item in items],
            batch_size=self.batch_size,
        )
        waiting = [batch for batch in plan if any(len(results[i]) < len(keys[i]) for i in batch.items)]
        tokens = count_tokens(waiting, lengths)
        for batch, amount, scored in self._scored(waiting, tokens, items, greedy):
            for i, found in zip(batch.items, scored, strict=True):
                results[i] = found
            self._responses.put_many(
                (key, _data(one)) for i in batch.items for key, one in zip(keys[i], results[i], strict=True)
            )
            if on_done is not None:
                on_done(amount, sum(tokens))
        return results

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, *, on_done: OnDone | None = None
    ) -> list[Generated]:
        """Return the continuation of each prompt (token ids, BOS included), in the order given."""
        sampling = fit_length(sampling, max_tokens=self.reader.max_tokens)
        limits = {"max_tokens": self.reader.max_tokens, "max_new_tokens": sampling.max_new_tokens}
        fitted = [fit_prompt(ids, **limits) for ids in prompts]
        keys = _generation_keys(fitted, sampling, engine="" if self._server is None else "served")
        known = self._responses.get_many(keys)
        results = [Generated(**json.loads(known[key])) if key in known else None for key in keys]
        order = sorted(range(len(fitted)), key=lambda i: (-len(fitted[i]), i))
        # Of a group all or nothing is kept, so that what is written again after a kill is the same to the last bit.
        size = self.batch_size * GROUP_BATCHES
        plan = [order[at : at + size] for at in range(0, len(order), size)]
        waiting = [batch for batch in plan if any(results[i] is None for i in batch)]
        began = time.monotonic()
        for batch, texts in self._generated(waiting, fitted, sampling, keys):
            self.written_tokens += sum(text.tokens for text in texts)
            self.written_characters += sum(len(text.text) for text in texts)
            for i, text in zip(batch, texts, strict=True):
                results[i] = text
            self._responses.put_many(
                (keys[i], json.dumps(vars(text), ensure_ascii=False).encode())
                for i, text in zip(batch, texts, strict=True)
            )
            if on_done is not None:
                on_done(len(batch), sum(map(len, waiting)))
        self.writing_seconds += time.monotonic() - began if waiting else 0.0
        return [
            replace(result, truncated=len(cut) < len(whole))
            for result, cut, whole in zip(results, fitted, prompts, strict=True)
            if result is not None
        ]

    def _scored(
        self, batches: Sequence[Batch], tokens: Sequence[int], items: Sequence[ScoredInput], greedy: bool
    ) -> Iterator[tuple[Batch, int, list[list[Likelihood]]]]:
        jobs = [([items[i] for i in batch.items], batch.prefix_tokens, greedy) for batch in batches]
        done: Iterator[Any]
        if self._server is not None and self._scores_there and jobs:
            self._require_same_model(self._server)
            done = self._server.score([rows for rows, *_ in jobs])
        elif self._workers is not None and len(jobs) > 1:
            done = self._workers.score(jobs)
        else:
            done = (score_batch(self.model, rows, prefix_tokens=prefix, greedy=g) for rows, prefix, g in jobs)
        yield from zip(batches, tokens, done, strict=True)

    def _generated(
        self,
        batches: Sequence[list[int]],
        prompts: Sequence[tuple[int, ...]],
        sampling: Sampling,
        keys: Sequence[bytes],
    ) -> Iterator[tuple[list[int], list[Generated]]]:
        # A seed of each prompt's own, so that an answer does not hang on what is written beside it.
        seeds = [int.from_bytes(key[:7], "big") for key in keys]
        jobs = [
            ([prompts[i] for i in batch], sampling, [seeds[i] for i in batch], self.batch_size) for batch in batches
        ]
        done: Iterator[Any]
        if self._server is not None and jobs:
            self._require_same_model(self._server)
            done = self._server.generate([some for some, *_ in jobs], sampling)
        elif self._workers is not None and len(jobs) > 1:
            done = self._workers.generate(jobs)
        else:
            done = (generate_group(self.model, *job) for job in jobs)
        yield from zip(batches, done, strict=True)

    def _require_same_model(self, server: Server) -> None:
        """Compare the server's next tokens with those of the weights here, once."""
        if self._compared:
            return
        prompts = [(self.reader.bos_id, *ids) for ids in self.reader.encode(PROBES)]
        expected = best_log_probabilities(self.model, prompts)
        server.require_same_model(prompts, expected, folder=f"the folder of {self.reader.name!r}")
        self._compared = True


def runner_of(model: LoadedModel, *, batch_size: int) -> Runner:
    """Return a runner of a model that is in memory already, keeping nothing on disk."""
    return Runner(model, batch_size=batch_size, load=lambda: model)


@contextmanager
def open_runner(
    source: ModelFolder,
    *,
    dtype: Dtype = "auto",
    batch_size: int = 8,
    cache: Path | None = None,
    processes: int = 1,
    threads: int | None = None,
    server: str | None = None,
    score_with_server: bool = False,
) -> Iterator[Runner]:
    """Give a runner of a model folder; with a cache folder, answers are kept there from batch to batch.

    processes: copies of the model that run in parallel, one per GPU, or sharing the processor's cores.
    server: address of an OpenAI-compatible server that has the same model, and writes in its place; score_with_server:
    it computes likelihoods too.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = f"{source.content_hash[:32]}-{resolved_dtype(dtype, device)}-{device.type}.sqlite"
    responses = Responses(None if cache is None else cache / name)
    workers = Workers(source, dtype=dtype, processes=processes, threads=threads) if processes > 1 else None
    try:
        yield Runner(
            open_reader(source),
            batch_size=batch_size,
            load=lambda: load_model(source, dtype=dtype),
            responses=responses,
            workers=workers,
            server=None if server is None else Server(server, name=source.name),
            score_with_server=score_with_server,
        )
    finally:
        responses.close()
        if workers is not None:
            workers.close()


def _generation_keys(prompts: Sequence[tuple[int, ...]], sampling: Sampling, *, engine: str) -> list[bytes]:
    """Return a key for each prompt; a prompt that comes twice is sampled twice, so it has two."""
    seen: dict[tuple[int, ...], int] = {}
    keys = []
    for ids in prompts:
        times = seen[ids] = seen.get(ids, -1) + 1
        keys.append(request_key(f"generation{engine}", ids, sampling.fingerprint, str(times)))
    return keys


def _data(likelihood: Likelihood) -> bytes:
    greedy = {None: b"-", False: b"0", True: b"1"}[likelihood.is_greedy]
    return greedy + likelihood.log_probabilities.astype("<f8").tobytes()


def _likelihood(data: bytes) -> Likelihood:
    greedy = {b"-": None, b"0": False, b"1": True}[data[:1]]
    return Likelihood(np.frombuffer(data[1:], dtype="<f8"), greedy)
