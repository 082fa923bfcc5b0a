"""A server on loopback with every fault a real one has: all is answered, nothing twice, nothing above the ceiling."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loopback_teacher import Teacher, served_teacher
from note_form import make_texts, note, settings, write_forms

from hanhua.errors import HanhuaError, UsageError
from hanhua.services import Services
from hanhua.synthesis.asking.asker import Asked
from hanhua.synthesis.asking.budget import Budget, CeilingReached
from hanhua.synthesis.asking.concurrency import Gate
from hanhua.synthesis.asking.run import ask_all
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.ledger.records import Cost
from hanhua.synthesis.stage import make_job

PRICES = {"dollars_per_million_prompt_tokens": 1.0, "dollars_per_million_output_tokens": 4.0}
Ask = Callable[..., tuple[Asked, int]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    corpus, forms = make_texts(tmp_path / "corpus", count=24), write_forms(tmp_path / "forms")

    def asking(server: Teacher, *, where: Path = tmp_path, **more: Any) -> tuple[Asked, int]:
        with served_teacher(server) as url, open_ledger(where / "ledger") as ledger:
            config = settings(url, forms, **more)
            job = make_job(config, corpus, Services())
            total = sum(job.counts().values())
            asked = ask_all(
                job.requests(),
                teacher=config.teacher,
                ledger=ledger,
                settings=config.asking,
                total=total,
                longest_tokens=job.longest_tokens,
            )
            return asked, total

    return asking


FAULTS = {"429": 0.1, "500": 0.05, "cut": 0.05, "malformed": 0.05, "half": 0.05, "garbage": 0.1, "hang": 0.05}


def test_every_fault_is_borne_and_each_request_is_answered_once(ask: Ask) -> None:
    # By this seed the first forty requests to arrive meet every fault, two of them a server that hangs.
    teacher = Teacher(write=note, faults=FAULTS, seed=33, hang_seconds=1)
    few = {"max_per_document": 1}
    asked, total = ask(teacher, seeds=few, asking={"deadline_seconds": 0.4, "max_attempts": 30})
    assert asked.answered == total and not asked.unanswered
    assert {"Broken", "Busy", "Erring", "TimedOut"} <= set(asked.failures)
    assert len(teacher.notes.whole) == total
    # Twice only what was waited for until the deadline, and came later.
    assert sum(teacher.notes.whole.values()) - total <= asked.failures["TimedOut"]
    assert sum(teacher.notes.asked.values()) <= total + sum(asked.failures.values())
    again, _ = ask(Teacher(write=note), seeds=few)
    assert again.answered == 0 and again.found == total > 40


def test_a_server_that_bears_few_is_asked_few(ask: Ask) -> None:
    teacher = Teacher(write=note, seconds=0.01, most=4, retry_after=0.02)
    asked, total = ask(teacher, asking={"first_concurrency": 2, "max_concurrency": 64})
    assert asked.answered == total and asked.halvings >= 1
    assert teacher.notes.busy < total, "most of what is sent is answered"
    assert teacher.notes.most_at_once <= 4 + 4


def test_a_server_that_bears_all_is_asked_as_much_as_may_be(ask: Ask) -> None:
    teacher = Teacher(write=note, seconds=0.3)
    few = {"max_per_document": 1}
    asked, _ = ask(teacher, seeds=few, asking={"first_concurrency": 2, "max_concurrency": 12})
    assert asked.highest == 12 and 8 <= teacher.notes.most_at_once <= 12


@pytest.mark.parametrize("ceiling", [{"max_tokens": 20_000}, {"max_dollars": 0.02}])
def test_the_ceiling_is_never_passed_and_a_higher_one_goes_on(
    ask: Ask, tmp_path: Path, ceiling: dict[str, Any]
) -> None:
    teacher = Teacher(write=note, faults={"cut": 0.1, "429": 0.1}, seed=1)
    ceiling_and_pace = {**ceiling, "max_wait_seconds": 0.05}
    with pytest.raises(CeilingReached, match="the ceiling is reached"):
        ask(teacher, asking=ceiling_and_pace, teacher=PRICES)
    with open_ledger(tmp_path / "ledger") as ledger:
        held, spent = len(ledger), ledger.spent
    assert held and spent.tokens >= teacher.notes.tokens
    assert spent.tokens <= ceiling.get("max_tokens", 10**9) and spent.dollars <= ceiling.get("max_dollars", 10**9)
    assert max(spent.tokens / ceiling.get("max_tokens", 10**9), spent.dollars / ceiling.get("max_dollars", 10**9)) > 0.8
    with pytest.raises(CeilingReached):
        ask(teacher, asking=ceiling_and_pace, teacher=PRICES)
    asked, total = ask(teacher, asking={"max_wait_seconds": 0.05})
    assert asked.found >= held and asked.found + asked.answered == total
    assert set(teacher.notes.whole.values()) == {1}


def test_a_storm_of_429_is_waited_out(ask: Ask) -> None:
    teacher = Teacher(write=note, storm=30)
    asked, total = ask(teacher, asking={"max_wait_seconds": 0.05})
    assert asked.answered == total and asked.failures == {"Busy": 30}
    assert asked.halvings >= 2 and set(teacher.notes.whole.values()) == {1}


def test_on_a_full_disk_no_answer_is_lost_and_nothing_more_is_sent(ask: Ask, small_disk: Path, tmp_path: Path) -> None:
    teacher = Teacher(write=lambda body: note(body) * 4)
    with pytest.raises(HanhuaError, match="the disk is full; free some space"):
        ask(teacher, where=small_disk, asking={"max_concurrency": 4})
    with open_ledger(small_disk / "ledger") as ledger:
        held = len(ledger)
    assert held == len(teacher.notes.whole) > 4, "whatever was answered is kept"
    shutil.copy(small_disk / "ledger", tmp_path)
    asked, total = ask(teacher)
    assert asked.found == held < total and asked.found + asked.answered == total
    assert set(teacher.notes.asked.values()) == {1}, "nothing was asked twice"


def test_what_can_never_work_is_told_at_once(ask: Ask) -> None:
    with pytest.raises(UsageError, match="SYNTHESIS_TEST_KEY is not set"):
        ask(Teacher(write=note), teacher={"api_key_env": "SYNTHESIS_TEST_KEY"})
    for status, models, told in [
        ("401", (), r"HTTP 401.*no key was sent: teacher\.api_key_env names"),
        ("402", (), r"HTTP 402.*the account is empty"),
        ("404", ("qwen", "llama"), r"teacher\.model is 'loopback', and this server knows: qwen, llama"),
        ("404", ("loopback",), r"the server knows loopback, so it must be the address.*with /v1"),
    ]:
        server = Teacher(write=note, faults={status: 1.0}, models=models)
        with pytest.raises(UsageError, match=told):
            ask(server)
        assert sum(server.notes.asked.values()) <= 16, "no more than was under way"


def test_a_server_that_refuses_everything_is_told_and_asked_again_when_it_does_not(ask: Ask) -> None:
    with pytest.raises(UsageError, match=r"first \d+ requests were all refused.*HTTP 400.*extra_body"):
        ask(Teacher(write=note, faults={"400": 1.0}))
    some = Teacher(write=note, faults={"400": 0.2}, seed=1)
    asked, total = ask(some)
    assert 0 < asked.refused < total and asked.answered == total - asked.refused, "nothing was taken for refused before"
    again, _ = ask(Teacher(write=note))
    assert again.answered == 0 and again.found == total, "a refusal among answers is the last word"


def test_few_requests_that_are_all_refused_stay_to_be_asked(ask: Ask) -> None:
    few = {"max_documents": 1, "max_per_document": 1}
    with pytest.raises(HanhuaError, match=r"2 of 2 requests stayed unanswered, and none was answered.*HTTP 400"):
        ask(Teacher(write=note, faults={"400": 1.0}), seeds=few)
    assert ask(Teacher(write=note), seeds=few)[0].answered == 2


def test_a_server_that_is_gone_is_told(ask: Ask) -> None:
    teacher = Teacher(write=note, faults={"500": 1.0})
    with pytest.raises(HanhuaError, match="5 requests in a row stayed unanswered"):
        ask(teacher, asking={"max_attempts": 2, "max_wait_seconds": 0.01})
    assert sum(teacher.notes.asked.values()) < 60


def test_the_gate_doubles_creeps_and_halves_once_a_round() -> None:
    async def run() -> list[float]:
        gate = Gate(first=2, most=100)
        limits = []
        for _ in range(6):
            gate.answered()
        limits.append(gate.limit)
        sent = asyncio.get_running_loop().time()
        await asyncio.sleep(0.001)
        for _ in range(5):  # five of one round say wait: one halving
            gate.slow_down(sent)
        limits.append(gate.limit)
        for _ in range(4):
            gate.answered()
        return [*limits, gate.limit]

    doubled, halved, crept = asyncio.run(run())
    assert (doubled, halved) == (8.0, 4.0)
    assert 4.9 < crept < 5.0


def test_near_the_ceiling_a_promise_waits_for_what_comes_back() -> None:
    async def run() -> None:
        budget = Budget(Cost(), max_tokens=100, max_dollars=None)
        most = Cost(60)
        await budget.promise(most)
        waiting = asyncio.create_task(budget.promise(Cost(60)))
        await asyncio.sleep(0)
        assert not waiting.done() and budget.promised == most
        budget.settle(most, Cost(10))
        await waiting
        budget.settle(Cost(60), Cost(60))
        with pytest.raises(CeilingReached):
            await budget.promise(Cost(31))
        await budget.promise(Cost(30))

    asyncio.run(run())
