"""Asks what is not answered yet, and keeps every answer: the order of arrival decides nothing but the time it takes."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from hanhua.errors import HanhuaError, UsageError
from hanhua.progress import say
from hanhua.synthesis.asking.budget import Budget
from hanhua.synthesis.asking.concurrency import Gate
from hanhua.synthesis.asking.refusals import FIRST, Refusal, Refusals
from hanhua.synthesis.ledger.file import Ledger
from hanhua.synthesis.ledger.records import Cost, Entry, asked_line, ended_line, failed_line
from hanhua.synthesis.request import Request
from hanhua.synthesis.settings import AskingSettings, TeacherSettings
from hanhua.synthesis.teachers.failures import Busy, Failure, Impossible, Refused, TimedOut
from hanhua.synthesis.teachers.opening import Teacher, open_teacher

BUSY_ATTEMPTS = 10
"""How many times `max_attempts` a server may say wait to one request: a storm of 429 lasts, and ends."""
FIRST_WAIT_SECONDS = 0.5
IN_A_ROW = 5
"""After so many requests that stayed unanswered with no answer between them, the server is taken to be gone."""


@dataclass
class Asked:
    """What came of it. unanswered: keys of those that every attempt failed at. times: of each answer, by the clock."""

    answered: int = 0
    refused: int = 0
    found: int = 0
    unanswered: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    last_failure: str = ""
    halvings: int = 0
    highest: float = 0.0


class Asker:
    """Asks one teacher."""

    def __init__(
        self,
        teacher: TeacherSettings,
        ledger: Ledger,
        settings: AskingSettings,
        *,
        elsewhere: Container[str] = (),
        on_answer: Callable[[Asked, Budget, Gate], None],
    ) -> None:
        self._teacher, self._ledger, self._settings = teacher, ledger, settings
        self._elsewhere, self._on_answer = elsewhere, on_answer
        self._gate = Gate(first=settings.first_concurrency, most=settings.max_concurrency)
        self._budget = Budget(ledger.spent, max_tokens=settings.max_tokens, max_dollars=settings.max_dollars)
        self._asked = Asked()
        self._stop: HanhuaError | None = None
        self._in_a_row = 0
        self._keys: set[str] = set()
        self._refusals = Refusals(ledger)
        self._opened: Teacher | None = None

    async def ask(self, requests: Iterable[Request]) -> Asked:
        """Ask all that the ledger does not hold. What is under way when something stops it is waited for and kept."""
        going: set[asyncio.Task[None]] = set()
        async with AsyncExitStack() as until_done:
            try:
                await self._send_all(requests, going, until_done)
            except BaseException:
                self._stop = self._stop or HanhuaError("synthesis: interrupted")
                if self._gate.under_way:
                    say(f"synthesis: waiting for {self._gate.under_way} answers under way, so that none is lost")
                raise
            finally:
                if going:
                    await asyncio.wait(set(going))
                await self._judge_refusals(is_end=True)
        self._asked.halvings, self._asked.highest = self._gate.halvings, self._gate.highest
        if self._stop is not None:
            raise self._stop
        return self._asked

    async def _send_all(
        self, requests: Iterable[Request], going: set[asyncio.Task[None]], until_done: AsyncExitStack
    ) -> None:
        """Begin with one request after another, as places come free. One that is equal to one under way is not sent."""
        for request in requests:
            if request.key in self._ledger or request.key in self._elsewhere:
                self._asked.found += 1
                continue
            if request.key in self._keys:
                continue
            teacher = self._opened or await self._open(until_done)
            while len(going) >= self._settings.max_concurrency:
                await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
            await self._gate.enter()
            if self._stop is not None:
                self._gate.leave()
                return
            self._keys.add(request.key)
            task = asyncio.create_task(self._ask_one(request, teacher))
            going.add(task)
            task.add_done_callback(going.discard)

    async def _open(self, until_done: AsyncExitStack) -> Teacher:
        """Make the teacher ready, now that there is something to ask it: else no server, key or GPU is needed."""
        connections, deadline = self._settings.max_concurrency, self._settings.deadline_seconds
        opened = open_teacher(self._teacher, connections=connections, deadline_seconds=deadline)
        self._opened = await until_done.enter_async_context(opened)
        return self._opened

    async def _ask_one(self, request: Request, teacher: Teacher) -> None:
        """Ask one request until it has ended; its place behind the gate is taken already for the first attempt."""
        failed = busy = 0
        holds = True
        try:
            while self._stop is None:
                if not holds:
                    await self._gate.enter()
                    holds = True
                failure = await self._attempt(request, teacher)
                self._gate.leave()
                holds = False
                if failure is None or self._stop is not None:
                    return
                busy, failed = busy + isinstance(failure, Busy), failed + (not isinstance(failure, Busy))
                if failed >= self._settings.max_attempts or busy >= BUSY_ATTEMPTS * self._settings.max_attempts:
                    self._give_up(request, failure)
                    return
                await asyncio.sleep(self._wait(failed + busy, failure))
        except HanhuaError as error:
            self._stop = self._stop or error
        finally:
            self._keys.discard(request.key)
            if holds:
                self._gate.leave()

    async def _attempt(self, request: Request, teacher: Teacher) -> Failure | None:
        """Send a request once and keep what comes; return why there was no answer, None where there is one."""
        if self._ledger.is_disk_full:
            raise HanhuaError(f"{self._ledger.path}: the disk is full; free some space and run the same command again")
        most = self._price(request.most_prompt_tokens, request.max_output_tokens)
        loop = asyncio.get_running_loop()
        async with self._promised(most) as settled:
            number = self._ledger.next_attempt()
            await self._ledger.add(asked_line(request.key, number, most))
            began = loop.time()
            try:
                told = await asyncio.wait_for(teacher.ask(request), self._settings.deadline_seconds)
            except asyncio.TimeoutError:
                failure: Failure = TimedOut(f"{teacher.place}: no answer in time")
            except Failure as error:
                failure = error
            else:
                answer = told.answer
                cost = self._price(answer.prompt_tokens, answer.output_tokens)
                seconds = loop.time() - began
                entry = Entry(answer, "", told.served_model, told.engine, cost, seconds)
                settled.append(cost)
                await self._ledger.add(ended_line(request.key, number, entry))
                self._answered()
                await self._judge_refusals()
                return None
            settled.append(most if failure.charged else Cost())
            await self._failed(request, number, failure, settled[0], began)
        return None if isinstance(failure, Refused) else failure

    @asynccontextmanager
    async def _promised(self, most: Cost) -> AsyncIterator[list[Cost]]:
        """Hold the most an attempt may cost; what is put into the list is what it did, the most where nothing is."""
        await self._budget.promise(most)
        real: list[Cost] = []
        try:
            yield real
        finally:
            self._budget.settle(most, real[0] if real else most)

    async def _failed(self, request: Request, number: int, failure: Failure, cost: Cost, began: float) -> None:
        self._asked.failures[type(failure).__name__] += 1
        self._asked.last_failure = str(failure)
        if isinstance(failure, Refused):
            entry = Entry(None, str(failure), "", "", cost, asyncio.get_running_loop().time() - began)
            self._refusals.hold(Refusal(request.key, number, entry))
            await self._judge_refusals()
            return
        await self._ledger.add(failed_line(request.key, number, str(failure), cost))
        if isinstance(failure, Impossible):
            self._stop = self._stop or UsageError(f"synthesis: {failure}")
        if failure.slow_down:
            self._gate.slow_down(began, wait_seconds=getattr(failure, "wait_seconds", None))

    async def _judge_refusals(self, *, is_end: bool = False) -> None:
        """Decide what was refused: the last word where something was answered; the whole server's, where all was."""
        if self._asked.answered or (is_end and self._asked.found and self._stop is None):
            noted = await self._refusals.note_as_ended()  # before the sum is read: others add to it meanwhile
            self._asked.refused += noted
        elif is_end:
            self._asked.unanswered.extend(await self._refusals.note_as_failed())
        elif len(self._refusals) >= FIRST:
            self._stop = self._stop or UsageError(
                f"synthesis: the first {len(self._refusals)} requests were all refused (the last: "
                f"{self._asked.last_failure}); change what the server says, such as teacher.extra_body, "
                "teacher.max_output_tokens, seeds.max_characters or its own context, and run the same command again"
            )

    def _answered(self) -> None:
        self._in_a_row = 0
        self._asked.answered += 1
        self._asked.times.append(asyncio.get_running_loop().time())
        self._gate.answered()
        self._on_answer(self._asked, self._budget, self._gate)

    def _give_up(self, request: Request, failure: Failure) -> None:
        self._asked.unanswered.append(request.key)
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW:
            self._stop = self._stop or HanhuaError(
                f"synthesis: {self._in_a_row} requests in a row stayed unanswered, each asked several times "
                f"(the last: {failure}); what is answered is kept, so run the same command again when the server works"
            )

    def _wait(self, attempts: int, failure: Failure) -> float:
        """Return how long to wait before the next attempt: doubled each time, and by chance up to half of it off."""
        longest = self._settings.max_wait_seconds
        wanted = min(FIRST_WAIT_SECONDS * 2.0 ** (attempts - 1), longest)
        asked = getattr(failure, "wait_seconds", None) or 0.0
        return max(wanted * random.uniform(0.5, 1.5), min(asked, longest))

    def _price(self, prompt_tokens: int, output_tokens: int) -> Cost:
        return Cost(prompt_tokens + output_tokens, self._teacher.price(prompt_tokens, output_tokens))
