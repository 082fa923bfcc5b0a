"""One model, many requests: the same numbers whatever is shared, cached, or spread over processes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_eval import CHINESE

from hanhua.eval.engine.loaded_model import LoadedModel
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.requests import Sampling, ScoredInput
from hanhua.eval.engine.responses import Responses, request_key
from hanhua.eval.engine.runner import Runner, open_runner, runner_of


def make_items(encode: Callable[[list[str]], list[list[int]]], bos: int, *, questions: int = 12) -> list[ScoredInput]:
    """Return few-shot-like inputs of two subjects with continuations of one to three tokens, and two of their own."""
    items = []
    for subject in range(2):
        shots = encode(["".join(CHINESE[subject : subject + 3]) * 2])[0]
        for n in range(questions):
            inputs = (bos, *shots, *encode([f"第{n}题：" + CHINESE[n % 6][: 4 + n]])[0])
            length = 1 + n % 3
            items.append(ScoredInput(inputs, tuple(tuple(range(a, a + length)) for a in (40, 50, 60))))
    return [*items, *(ScoredInput((bos, *encode([text])[0]), ((5,),)) for text in CHINESE[:2])]


def by_hand(model: LoadedModel, item: ScoredInput) -> list[float]:
    found = []
    for target in item.targets:
        ids = torch.tensor([item.inputs])
        with torch.no_grad():
            log_p = torch.log_softmax(model.network(ids).logits[0, :, : model.tokens].double(), -1)
        start = len(item.inputs) - len(target)
        found.append(sum(float(log_p[start + j, token]) for j, token in enumerate(target)))
    return found


def totals(runner: Runner, items: list[ScoredInput]) -> list[list[float]]:
    return [[one.total for one in found] for found in runner.score(items)]


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_shared_prefixes_change_nothing_but_the_work(base_model: LoadedModel, batch_size: int) -> None:
    items = make_items(base_model.encode, base_model.bos_id)
    processed: list[int] = []
    hook = base_model.network.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: processed.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    try:
        found = totals(runner_of(base_model, batch_size=batch_size), items)
    finally:
        hook.remove()
    assert sum(processed) < sum(len(item.inputs) for item in items) / 3
    for one, item in zip(found, items, strict=True):
        assert one == pytest.approx(by_hand(base_model, item), abs=1e-4)


def test_is_greedy_is_the_most_probable_token(base_model: LoadedModel) -> None:
    inputs = (base_model.bos_id, *base_model.encode([CHINESE[0]])[0])
    with torch.no_grad():
        best = int(base_model.network(torch.tensor([inputs])).logits[0, -1, : base_model.tokens].argmax())
    ((right, wrong),) = runner_of(base_model, batch_size=1).score([ScoredInput(inputs, ((best,), (best - 1,)))])
    assert (right.is_greedy, wrong.is_greedy) == (True, False)


def test_processes_change_nothing(base: ModelFolder, tmp_path: Path) -> None:
    with open_runner(base, batch_size=4, threads=1) as alone, open_runner(base, batch_size=4, processes=2) as two:
        items = make_items(alone.reader.encode, base.bos_id)
        for ours, theirs in zip(totals(two, items), totals(alone, items), strict=True):
            assert ours == pytest.approx(theirs, abs=1e-6)
        prompts = [(base.bos_id, *ids) for ids in alone.reader.encode(CHINESE)]
        sampling = Sampling(6)
        assert two.generate(prompts, sampling) == alone.generate(prompts, sampling)


def test_answers_are_kept_by_request_and_model(
    base: ModelFolder, make_model: Callable[..., ModelFolder], tmp_path: Path
) -> None:
    with open_runner(base, cache=tmp_path, batch_size=4) as runner:
        items = make_items(runner.reader.encode, base.bos_id)
        first = totals(runner, items)
        texts = runner.generate([(base.bos_id, 5, 6)], Sampling(4))
    with open_runner(base, cache=tmp_path, batch_size=4) as runner:
        assert totals(runner, items) == first
        assert runner.generate([(base.bos_id, 5, 6)], Sampling(4)) == texts
        assert runner._model is None, "everything was known, so no weights are needed"
        runner.generate([(base.bos_id, 5, 6)], Sampling(5))
        assert runner._model is not None
    with open_runner(make_model("other", seed=9), cache=tmp_path, batch_size=4) as other:
        assert totals(other, items) != first
    assert len(list(tmp_path.glob("*.sqlite"))) == 2


def test_the_same_prompt_twice_is_sampled_twice_and_kept(base: ModelFolder, tmp_path: Path) -> None:
    sampling = Sampling(12, temperature=1.0)
    for _ in range(2):
        with open_runner(base, cache=tmp_path, batch_size=2) as runner:
            one, two = runner.generate([(base.bos_id, 5), (base.bos_id, 5)], sampling)
            assert one != two


def test_keys_tell_requests_apart() -> None:
    keys = [
        request_key("likelihood", (1, 2), (3,)),
        request_key("likelihood", (1,), (2, 3)),
        request_key("generation", (1, 2), (3,)),
        request_key("likelihood", (1, 2), "3"),
    ]
    assert len(set(keys)) == 4


KILLED = """
import json, sys, time
from pathlib import Path
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.runner import open_runner
from test_runner import make_items
folder, cache = Path(sys.argv[1]), Path(sys.argv[2])
source = open_model_folder("m", folder)
with open_runner(source, cache=cache, batch_size=1) as runner:
    items = make_items(runner.reader.encode, source.bos_id, questions=40)
    runner.score(items, on_done=lambda done, total: time.sleep(0.05))
"""


@pytest.mark.slow
def test_killed_in_the_middle_of_a_measure_it_goes_on(base: ModelFolder, tmp_path: Path) -> None:
    tests = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    cache = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(base.folder), str(cache)], env=environment)
    deadline = time.monotonic() + 240
    while _rows(cache) < 30:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done: list[int] = []
    with open_runner(base, cache=cache, batch_size=1) as runner:
        items = make_items(runner.reader.encode, base.bos_id, questions=40)
        found = [[one.total for one in row] for row in runner.score(items, on_done=lambda n, _: done.append(n))]
    assert 0 < len(done) <= len(items) - 10
    with open_runner(base, batch_size=1) as whole:
        assert json.dumps(found) == json.dumps(totals(whole, items))


def _rows(cache: Path) -> int:
    for path in cache.glob("*.sqlite"):
        try:
            return int(sqlite3.connect(path).execute("SELECT count(*) FROM responses").fetchone()[0])
        except sqlite3.OperationalError:
            return 0
    return 0


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    responses = Responses(tmp_path / "a" / "r.sqlite")
    responses.put_many([(b"one", b"1"), (b"two", b"2")])

    def broken() -> object:
        yield (b"three", b"3")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        responses.put_many(broken())  # type: ignore[arg-type]
    responses.close()
    again = Responses(tmp_path / "a" / "r.sqlite")
    assert again.get_many([b"one", b"two", b"three"]) == {b"one": b"1", b"two": b"2"}
    again.close()
