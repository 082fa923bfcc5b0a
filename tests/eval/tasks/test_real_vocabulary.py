"""One subject, five-shot, with Llama 3's own 128,256 tokens: lm_eval's backend, at a quarter of its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from tiny_eval import random_network

from hanhua.base_tokenizer import load_base_tokenizer, resolve_base_tokenizer
from hanhua.eval.config import Benchmark
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.runner import runner_of
from hanhua.eval.material import read_questionnaire
from hanhua.eval.tasks.harness import answer_items, make_tasks, quiet_lm_eval

SEED = 21
"""Its model gives each of the four letters to some question."""
THINGS = ("苹果", "铅笔", "鸡蛋", "杯子", "邮票", "椅子", "书本", "气球", "石子", "贝壳", "纽扣")
STORIES = (
    ("小明有{a}个{thing}，妈妈又给了他{b}个，他送给同桌{c}个，还剩多少个？", "个"),
    ("{a} + {b} - {c} = ？", ""),
    ("一列火车第一天行驶{a}公里，第二天行驶{b}公里，比计划的路程多了{c}公里。计划的路程是", "公里"),
    ("仓库里有{a}箱{thing}，运来{b}箱，运走{c}箱，现在有：", "箱（不计损坏的）"),
    ("甲数是{a}，乙数比甲数与{b}的和少{c}，乙数是", "。"),
    ("Tom had {a} cards and won {b} but lost {c}. How many has he now?", " cards"),
    ("下列算式中，与 {a} + {b} - {c} 相等的是", " × 1"),
    ("小华读一本{a}页的书和一本{b}页的书，共有{c}页没有读。他读了", "页；"),
)


def questions(count: int, *, first: int) -> str:
    """Return sums told as stories, in the columns of CMMLU's files."""
    lines = [",Question,A,B,C,D,Answer"]
    for row in range(count):
        n = first + row
        a, b, c = 31 + 7 * n, 12 + 5 * n % 40, 3 + n % 9
        right, place = a + b - c, (n * n + n // 3) % 4
        options = [right + step for step in (10, -1, 2 * c, 1)]
        options[place] = right
        story, unit = STORIES[n % len(STORIES)]
        texts = (f"{option}{unit}" for option in options)
        lines.append(f"{row},{story.format(a=a, b=b, c=c, thing=THINGS[n % 11])},{','.join(texts)},{'ABCD'[place]}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    for split, count, first in (("test", 12, 12), ("dev", 5, 50)):
        (folder / "cmmlu" / split).mkdir(parents=True)
        path = folder / "cmmlu" / split / "elementary_mathematics.csv"
        path.write_text(questions(count, first=first), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("llama3")
    tokens = load_base_tokenizer("llama3").get_vocab_size(with_added_tokens=True)
    random_network(tokens, seed=SEED, bos=128000, eos=128001).save_pretrained(folder)
    for file in resolve_base_tokenizer("llama3").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return load_model(open_model_folder("llama3", folder))


@contextmanager
def counting(network: Any) -> Iterator[list[int]]:
    """Give a list to which the tokens of every forward pass are added, padding among them."""
    processed: list[int] = []
    hook = network.base_model.register_forward_pre_hook(
        lambda module, args, given: processed.append(given["input_ids"].numel()), with_kwargs=True
    )
    try:
        yield processed
    finally:
        hook.remove()


def test_a_subject_of_cmmlu_is_answered_as_by_lm_evals_own_backend(bench: Path, model: LoadedModel) -> None:
    asked = read_questionnaire(Benchmark(task="cmmlu", data=str(bench)))
    assert (asked.shots.origin, len(asked.items), model.tokens) == ("subject", 12, 128256)
    tasks: dict[str, Any] = dict(make_tasks(asked.task, asked.items, asked.shots))
    with counting(model.network) as ours:
        rows = answer_items(runner_of(model, batch_size=8), asked.task, tasks)["rows"]
    with counting(model.network) as theirs, quiet_lm_eval(), torch.inference_mode():
        lm = HFLM(pretrained=model.network, tokenizer=model.tokenizer, batch_size=1)
        results = evaluate(lm, task_dict={"tasks": tasks}, bootstrap_iters=0, log_samples=True)
    samples = {sample["doc"]["id"]: sample for sample in results["samples"]["cmmlu/elementary_mathematics"]}
    for row in rows:
        expected = [float(log_p) for log_p, _ in samples[row["id"]]["filtered_resps"]]
        assert row["log_likelihoods"] == pytest.approx(expected, abs=1e-4)
        assert row["choice"] == max(range(4), key=expected.__getitem__)
    assert {row["choice"] for row in rows} == {0, 1, 2, 3}, "letters that are never given are not compared"
    assert sum(ours) <= sum(theirs) / 4
