"""The benchmark: lm_eval's own answers, with fewer forward passes, and nothing lost on the way."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from tiny_eval import CHINESE, chain_network, save_model
from tokenizers import Tokenizer

from hanhua.eval.engine.language_model import ScoringLM
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import ModelFolder, open_model_folder
from hanhua.eval.engine.runner import runner_of
from hanhua.eval.scores import score_answers
from hanhua.eval.tasks.choice4 import ChoiceTask, answer_questions, make_tasks, quiet_lm_eval, sha256_of_prompt
from hanhua.eval.tasks.questions import LETTERS, Question, choose_shots


def make_questions(count: int, *, seed: int = 0) -> list[Question]:
    draw = random.Random(seed)
    pieces = [piece for text in CHINESE for piece in text.split("，")]
    return [
        Question(
            id=f"{seed}-{i}",
            subject=("history", "nature")[i % 2],
            question=draw.choice(pieces) + str(i),
            options=tuple(draw.sample(pieces, 4)),  # type: ignore[arg-type]
            answer=draw.randrange(4),
        )
        for i in range(count)
    ]


def tasks_for(questions: list[Question], *, shots: int = 0, prompt: str = "zh-1") -> dict[str, ChoiceTask]:
    solved = make_questions(8, seed=99)
    return make_tasks("mini", questions, choose_shots(questions, solved, shots=shots, path="dev"), prompt=prompt)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(("shots", "prompt"), [(0, "zh-1"), (3, "zh-1"), (2, "en-1")])
def test_same_choices_and_likelihoods_as_lm_evals_own_backend(
    base_model: LoadedModel, shots: int, prompt: str, no_network: None
) -> None:
    questions = make_questions(14)
    ours = answer_questions(runner_of(base_model, batch_size=3), tasks_for(questions, shots=shots, prompt=prompt))
    theirs_lm = HFLM(pretrained=base_model.network, tokenizer=base_model.tokenizer, batch_size=2)
    tasks = tasks_for(questions, shots=shots, prompt=prompt)
    with quiet_lm_eval():
        theirs = evaluate(theirs_lm, task_dict={"tasks": tasks}, bootstrap_iters=0, log_samples=True)
    samples = {s["doc"]["id"]: s for name in tasks for s in theirs["samples"][name]}
    assert {row["id"] for row in ours["rows"]} == set(samples) == {q.id for q in questions}
    for row in ours["rows"]:
        sample = samples[row["id"]]
        expected = [float(log_p) for log_p, _ in sample["filtered_resps"]]
        assert row["log_likelihoods"] == pytest.approx(expected, abs=1e-4)
        assert row["correct"] == bool(sample["acc"])
        assert row["prompt"] == sample["arguments"][0][0]
    assert len({row["choice"] for row in ours["rows"]}) > 1, "the comparison says nothing if one letter is given always"
    assert (ours["crossings"], ours["truncated"]) == (0, 0)


def test_the_prompt_as_it_is_read() -> None:
    question = Question("q", "s", "哪个是水果？", ("石头", "苹果", "木头", "{{铁}}"), 1)
    tasks = make_tasks("t", [question], choose_shots([question], [question], shots=1, path="dev"), prompt="zh-1")
    task = tasks["t/s"]
    task.build_all_requests()
    body = "题目：哪个是水果？\nA. 石头\nB. 苹果\nC. 木头\nD. {{铁}}\n答案："
    expected = f"以下是单项选择题，请直接给出正确答案的选项。\n\n{body}B\n\n{body}"
    assert [instance.args for instance in task.instances] == [(expected, letter) for letter in LETTERS]
    assert len(sha256_of_prompt("zh-1")) == 64 != sha256_of_prompt("en-1")


def test_four_letters_share_one_forward_pass(base_model: LoadedModel) -> None:
    questions, seen = make_questions(3), []
    answer_questions(
        runner_of(base_model, batch_size=2),
        tasks_for(questions),
        on_done=lambda done, total: seen.append((done, total)),
    )
    prompts = [
        row["prompt"] for row in answer_questions(runner_of(base_model, batch_size=2), tasks_for(questions))["rows"]
    ]
    tokens = sum(1 + len(ids) for ids in base_model.encode(prompts))
    assert sum(done for done, _ in seen) == tokens
    assert {total for _, total in seen} == {tokens}


def test_padded_rows_take_no_probability(make_model: Callable[..., ModelFolder], tmp_path: Path) -> None:
    padded = load_model(make_model("padded", seed=4, padded_rows=8))
    rows = answer_questions(runner_of(padded, batch_size=4), tasks_for(make_questions(4)))["rows"]
    with torch.no_grad():
        padded.network.get_output_embeddings().weight[padded.tokens :] = 50.0
    assert answer_questions(runner_of(padded, batch_size=4), tasks_for(make_questions(4)))["rows"] == rows


def test_a_model_that_always_answers_a_is_at_chance_and_flagged(tokenizer: Tokenizer, tmp_path: Path) -> None:
    letter = tokenizer.token_to_id("A")
    folder = save_model(chain_network(tokenizer, then={}, otherwise=letter), tokenizer, tmp_path / "always")
    model = load_model(open_model_folder("always", folder))
    questions = make_questions(60)
    scored = score_answers(answer_questions(runner_of(model, batch_size=8), tasks_for(questions)))
    assert scored["answers"] == {"A": 60, "B": 0, "C": 0, "D": 0}
    assert scored["accuracy"] == sum(q.answer == 0 for q in questions) / 60
    assert scored["flags"] == ["answers A to 100% of the questions", "not above chance (25%)"]
    assert set(scored["by_subject"]) == {"history", "nature"}


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
    assert lm.truncated == 1
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
    data = answer_questions(runner_of(base_model, batch_size=2), tasks_for(make_questions(3)))
    assert json.loads(json.dumps(data)) == data
