"""Batches that are refilled as replies end write what transformers' own loop writes, with fewer rows computed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hanhua.eval.engine.continuous import generate_continuously
from hanhua.eval.engine.generation import generate_batch
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.requests import Generated, Sampling
from hanhua.eval.engine.runner import runner_of

LONGEST = 40


@pytest.fixture(scope="module")
def model(make_model: Callable[..., ModelFolder]) -> LoadedModel:
    """A random model in which one token of twenty ends a reply, so that replies are of all lengths."""
    loaded = load_model(make_model("ends", seed=11))
    draw = random.Random(0)
    own = loaded.network.generation_config
    own.eos_token_id = [own.eos_token_id, *draw.sample(range(loaded.tokens - 2), loaded.tokens // 20)]
    return loaded


def prompts_of(model: LoadedModel, count: int, *, shared: int = 0) -> list[tuple[int, ...]]:
    draw = random.Random(4)
    ids = range(model.tokens - 2)
    begun = tuple(draw.choice(ids) for _ in range(shared))
    return [(model.bos_id, *begun, *(draw.choice(ids) for _ in range(draw.randint(1, 30)))) for _ in range(count)]


def one_by_one(model: LoadedModel, prompts: list[tuple[int, ...]], sampling: Sampling) -> list[Generated]:
    return [generate_batch(model, [ids], sampling)[0] for ids in prompts]


@contextmanager
def counted(model: LoadedModel) -> Iterator[list[int]]:
    seen: list[int] = []

    def count(module: Any, args: Any, kwargs: Any) -> None:
        seen.append(kwargs["input_ids"].numel())

    hook = model.network.base_model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()


@pytest.mark.parametrize("stops", [(), ("，",), ("a", "的")])
@pytest.mark.parametrize("shared", [0, 50])
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_the_texts_are_those_of_every_prompt_alone(
    model: LoadedModel, stops: tuple[str, ...], shared: int, batch_size: int
) -> None:
    prompts = prompts_of(model, 17, shared=shared)
    sampling = Sampling(LONGEST, stops=stops)
    found = generate_continuously(model, prompts, sampling, seeds=range(17), batch_size=batch_size)
    expected = one_by_one(model, prompts, sampling)
    assert [(one.text, one.finished) for one in found] == [(one.text, one.finished) for one in expected]
    assert len({one.tokens for one in found}) > 3, "replies of one length show nothing"


def test_no_row_is_computed_that_is_finished(model: LoadedModel) -> None:
    prompts = prompts_of(model, 40)
    sampling = Sampling(LONGEST)
    with counted(model) as seen:
        found = generate_continuously(model, prompts, sampling, seeds=range(40), batch_size=8)
    written = sum(one.tokens for one in found)
    # One forward per token and row; what is read of the prompts is padded to the longest read with it.
    assert sum(seen) <= written + sum(map(len, prompts)) + 40 * 30


def test_a_shared_beginning_is_read_once(model: LoadedModel) -> None:
    prompts = prompts_of(model, 24, shared=200)
    with counted(model) as seen:
        generate_continuously(model, prompts, Sampling(4), seeds=range(24), batch_size=6)
    assert sum(seen) < sum(map(len, prompts)) / 3


def test_what_is_drawn_depends_on_the_prompts_own_seed(model: LoadedModel) -> None:
    prompts = prompts_of(model, 9)
    sampling = Sampling(12, temperature=1.0)
    first, second = (
        generate_continuously(model, prompts, sampling, seeds=range(9), batch_size=size) for size in (2, 5)
    )
    assert first == second
    twice = generate_continuously(model, [prompts[0]] * 2, sampling, seeds=(1, 2), batch_size=2)
    assert twice[0] != twice[1]


def test_the_runner_keeps_order_and_duplicates(model: LoadedModel) -> None:
    prompts = [*prompts_of(model, 5), *prompts_of(model, 5)]
    found = runner_of(model, batch_size=3).generate(prompts, Sampling(LONGEST))
    assert found[:5] == found[5:] and len({one.text for one in found[:5]}) > 1
