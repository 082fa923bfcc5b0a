"""The benchmark: lm_eval's own answers, with fewer forward passes, and nothing lost on the way."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from tiny_eval import CHINESE, chain_network, save_model
from tokenizers import Tokenizer

from hanhua.eval.benchmark_scores import score_answers
from hanhua.eval.engine.language_model import ScoringLM
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import ModelFolder, open_model_folder
from hanhua.eval.engine.runner import Runner, runner_of
from hanhua.eval.tasks.definition import Prompt, Rows, Task, load_task
from hanhua.eval.tasks.harness import ItemTask, answer_items, make_tasks, quiet_lm_eval
from hanhua.eval.tasks.items import Item, choose_shots

LETTERS = ("A", "B", "C", "D")


def make_items(count: int, *, seed: int = 0) -> list[Item]:
    draw = random.Random(seed)
    pieces = [piece for text in CHINESE for piece in text.split("，")]
    items = []
    for i in range(count):
        texts = draw.sample(pieces, 4)
        lettered = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, texts, strict=True))
        context = f"题目：{draw.choice(pieces)}{i}\n{lettered}\n答案："
        answer = draw.randrange(4)
        items.append(Item(f"{seed}-{i}", ("history", "nature")[i % 2], context, LETTERS, answer, (texts[answer],)))
    return items


def tasks_for(items: list[Item], *, shots: int = 0, task: Task | None = None) -> dict[str, ItemTask]:
    solved = make_items(8, seed=99)
    return make_tasks(task or load_task("choice4_zh"), items, choose_shots(items, solved, shots=shots, path="dev"))


def answer(
    model: LoadedModel | Runner, items: list[Item], *, shots: int = 0, task: str = "choice4_zh"
) -> dict[str, Any]:
    runner = model if isinstance(model, Runner) else runner_of(model, batch_size=3)
    loaded = load_task(task)
    return answer_items(runner, loaded, tasks_for(items, shots=shots, task=loaded))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(("shots", "name"), [(0, "choice4_zh"), (3, "choice4_zh"), (2, "choice4_en")])
def test_same_choices_and_likelihoods_as_lm_evals_own_backend(
    base_model: LoadedModel, shots: int, name: str, no_network: None
) -> None:
    items = make_items(14)
    ours = answer(base_model, items, shots=shots, task=name)
    theirs_lm = HFLM(pretrained=base_model.network, tokenizer=base_model.tokenizer, batch_size=2)
    tasks = tasks_for(items, shots=shots, task=load_task(name))
    with quiet_lm_eval():
        theirs = evaluate(theirs_lm, task_dict={"tasks": tasks}, bootstrap_iters=0, log_samples=True)
    samples = {s["doc"]["id"]: s for name in tasks for s in theirs["samples"][name]}
    assert {row["id"] for row in ours["rows"]} == set(samples) == {item.id for item in items}
    for row in ours["rows"]:
        sample = samples[row["id"]]
        expected = [float(log_p) for log_p, _ in sample["filtered_resps"]]
        assert row["log_likelihoods"] == pytest.approx(expected, abs=1e-4)
        assert row["choice"] == max(range(4), key=expected.__getitem__)
        assert row["prompt"] == sample["arguments"][0][0]
    assert len({row["choice"] for row in ours["rows"]}) > 1, "the comparison says nothing if one letter is given always"
    assert (ours["crossings"], ours["pairs"], ours["truncated"]) == (0, 4 * 14, 0)


def test_the_prompt_as_it_is_read() -> None:
    body = "题目：哪个是水果？\nA. 石头\nB. 苹果\nC. 木头\nD. {{铁}}\n答案："
    item = Item("q", "s", body, LETTERS, 1, ("苹果",))
    task = load_task("choice4_zh")
    made = make_tasks(task, [item], choose_shots([item], [item], shots=1, path="dev"))["choice4_zh/s"]
    made.build_all_requests()
    expected = f"以下是单项选择题，请直接给出正确答案的选项。\n\n{body}B\n\n{body}"
    assert [instance.args for instance in made.instances] == [(expected, letter) for letter in LETTERS]


def test_four_letters_share_one_forward_pass(base_model: LoadedModel) -> None:
    items, seen = make_items(3), []
    data = answer_items(
        runner_of(base_model, batch_size=2),
        load_task("choice4_zh"),
        tasks_for(items),
        on_done=lambda done, total: seen.append((done, total)),
    )
    tokens = sum(1 + len(ids) for ids in base_model.encode([row["prompt"] for row in data["rows"]]))
    assert sum(done for done, _ in seen) == tokens
    assert {total for _, total in seen} == {tokens}


def test_padded_rows_take_no_probability(make_model: Callable[..., ModelFolder]) -> None:
    padded = load_model(make_model("padded", seed=4, padded_rows=8))
    rows = answer(padded, make_items(4))["rows"]
    with torch.no_grad():
        padded.network.get_output_embeddings().weight[padded.tokens :] = 50.0
    assert answer(padded, make_items(4))["rows"] == rows


def test_a_model_that_always_answers_a_is_at_chance_and_flagged(tokenizer: Tokenizer, tmp_path: Path) -> None:
    letter = tokenizer.token_to_id("A")
    folder = save_model(chain_network(tokenizer, then={}, otherwise=letter), tokenizer, tmp_path / "always")
    model = load_model(open_model_folder("always", folder))
    items = make_items(60)
    scored = score_answers(answer(model, items), task=load_task("choice4_zh"))
    assert scored["answers"] == {"A": 60, "B": 0, "C": 0, "D": 0}
    assert scored["accuracy"] == sum(item.answer == 0 for item in items) / 60
    assert scored["flags"] == ["answers A to 100% of the questions", "not above chance (25%)"]
    assert set(scored["by_subject"]) == {"history", "nature"}


CLOZE = Task(
    name="endings", title="Endings", language="zh", kind="cloze", data=Rows(),
    prompt=Prompt(version="cloze-1", question="{{ question }}"),
)  # fmt: skip


def test_crossing_pairs_are_counted_and_scored_both_ways(make_model: Callable[..., ModelFolder]) -> None:
    model = load_model(make_model("crossing", seed=3, extend=True))
    # 时间 is one token of the extended vocabulary: the first question's first option crosses, nothing else does.
    items = [
        Item("0", "s", "这件事要花很多时", ("间来完成", "候来完成"), 0, ("间来完成",)),
        Item("1", "s", "他说：", ("好", "不好"), 1, ("不好",)),
    ]
    data = answer_items(runner_of(model, batch_size=2), CLOZE, tasks_for(items, task=CLOZE))
    assert (data["crossings"], data["pairs"]) == (1, 4)
    crossed, plain = data["rows"]
    assert "joined" not in plain
    assert crossed["joined"][0] != crossed["log_likelihoods"][0]
    assert crossed["joined"][1] == crossed["log_likelihoods"][1]
    theirs_lm = HFLM(pretrained=model.network, tokenizer=model.tokenizer, batch_size=1)
    pairs = [Instance("loglikelihood", {}, (item.context, o), 0) for item in items for o in item.options]
    theirs = [log_p for log_p, _ in theirs_lm.loglikelihood(pairs, disable_tqdm=True)]
    joined = [*crossed["joined"], *plain["log_likelihoods"]]
    assert joined == pytest.approx(theirs, abs=1e-4), "joined is what lm_eval's own backend scores"
    scored = score_answers(data, task=CLOZE)
    assert scored["chance"] == 0.5 and "accuracy_joined" in scored
    base = load_model(make_model("plain", seed=3))
    assert "accuracy_joined" not in score_answers(
        answer_items(runner_of(base, batch_size=2), CLOZE, tasks_for(items, task=CLOZE)), task=CLOZE
    )


def test_written_answers(tokenizer: Tokenizer, tmp_path: Path) -> None:
    one, two, stop = (tokenizer.token_to_id(c) for c in "12C")
    network = chain_network(tokenizer, then={one: two, two: stop}, otherwise=one)
    model = load_model(open_model_folder("writer", save_model(network, tokenizer, tmp_path / "writer")))
    task = CLOZE.model_copy(
        update={"kind": "written", "metric": "number", "stops": ("C",), "max_new_tokens": 8, "name": "sums"}
    )
    items = [Item(str(n), "s", "几个A", (), -1, (str(answer),)) for n, answer in enumerate((12, 21))]
    data = answer_items(runner_of(model, batch_size=2), task, tasks_for(items, task=task))
    assert [(row["text"], row["correct"]) for row in data["rows"]] == [("12", True), ("12", False)]
    scored = score_answers(data, task=task)
    assert (scored["accuracy"], scored["flags"], scored["chance"]) == (0.5, [], 0.0)


def test_continuations_are_scored_apart_and_crossings_counted(
    make_model: Callable[..., ModelFolder], base_model: LoadedModel
) -> None:
    extended = load_model(make_model("crossing", seed=3, extend=True))
    # 时间 is one token of the extended vocabulary, so 时|间 is a seam that joint encoding would erase.
    pairs = [("这件事要花很多时", "间来完成"), ("他说：", "好"), ("清晨的菜市场", "已经热闹起来")]
    requests = [Instance("loglikelihood", {}, pair, 0) for pair in pairs]
    for model, crossings in ((extended, [1, 0, 0]), (base_model, [0, 0, 0])):
        lm, counts = ScoringLM(runner_of(model, batch_size=2)), []
        found = lm.loglikelihood(requests)
        for request in requests:
            alone = ScoringLM(runner_of(model, batch_size=2))
            alone.loglikelihood([request])
            counts.append(alone.crossings)
        assert counts == crossings
        assert lm.crossings == sum(crossings)
        for (context, continuation), (log_p, _) in zip(pairs, found, strict=True):
            before, after = model.encode([context, continuation])
            ids = [model.bos_id, *before, *after]
            with torch.no_grad():
                log_probabilities = torch.log_softmax(model.network(torch.tensor([ids])).logits[0].double(), -1)
            by_hand = sum(float(log_probabilities[len(before) + i, token]) for i, token in enumerate(after))
            assert log_p == pytest.approx(by_hand, abs=1e-4)


def test_rolling_likelihood_and_truncation(base_model: LoadedModel) -> None:
    lm = ScoringLM(runner_of(base_model, batch_size=2))
    text = CHINESE[0]
    (rolling,) = lm.loglikelihood_rolling([Instance("loglikelihood_rolling", {}, (text,), 0)])
    behind_bos = lm.loglikelihood([Instance("loglikelihood", {}, ("", text), 0)])
    assert rolling == pytest.approx(behind_bos[0][0], abs=1e-4)
    long, answer = "".join(CHINESE) * 12, base_model.encode(["好"])[0]
    (whole,) = base_model.encode([long])
    assert len(whole) > lm.max_length
    ((log_p, _),) = lm.loglikelihood([Instance("loglikelihood", {}, (long, "好"), 0)])
    assert lm.truncated == {(long, "好")}
    # BOS stays, the left is cut, and the answer's last token is a target only: max_length inputs in all.
    inputs = [base_model.bos_id, *[*whole, *answer[:-1]][-(lm.max_length - 1) :]]
    with torch.no_grad():
        log_probabilities = torch.log_softmax(base_model.network(torch.tensor([inputs])).logits[0].double(), -1)
    by_hand = sum(float(log_probabilities[i - len(answer), token]) for i, token in enumerate(answer))
    assert log_p == pytest.approx(by_hand, abs=1e-4)


def test_bos_written_by_a_chat_template_is_not_doubled(base_model: LoadedModel) -> None:
    lm = ScoringLM(runner_of(base_model, batch_size=1))
    bare, written = "问：你好", f"{base_model.tokenizer.bos_token}问：你好"
    assert lm.tok_encode(written) == lm.tok_encode(bare)
    assert base_model.bos_id not in lm.tok_encode(bare)


def test_generation_stops_at_its_strings(tokenizer: Tokenizer, tmp_path: Path) -> None:
    a, b, c = (tokenizer.token_to_id(letter) for letter in "ABC")
    network = chain_network(tokenizer, then={a: b, b: c, c: a}, otherwise=a)
    model = load_model(open_model_folder("cycle", save_model(network, tokenizer, tmp_path / "cycle")))
    lm = ScoringLM(runner_of(model, batch_size=1))
    options = {"until": ["C"], "max_gen_toks": 9}
    assert lm.generate_until([Instance("generate_until", {}, ("A", options), 0)]) == ["B"]
    options = {"until": [], "max_gen_toks": 5}
    assert lm.generate_until([Instance("generate_until", {}, ("A", options), 0)]) == ["BCABC"]


def test_results_are_plain_json(base_model: LoadedModel) -> None:
    data = answer(base_model, make_items(3))
    assert json.loads(json.dumps(data)) == data
