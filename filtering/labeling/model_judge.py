"""A model as the judge: what it was asked and what it said is kept, and nothing is asked twice.

The ledger has one line an answer: `{"model", "prompt", "answer", "label", "key", "at"}`. An answer is on disk before
its label is, so that after a kill at any moment the answer is found again, and not paid for again.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from hanhua.errors import InputError
from hanhua.filtering.config import GuardConfig
from hanhua.filtering.labeling.candidates import Candidate
from hanhua.filtering.labeling.chat_client import ChatServer
from hanhua.filtering.labeling.label_file import MODEL, AppendedLines
from hanhua.filtering.labeling.session import Session
from hanhua.filtering.labeling.verdicts import PROMPT, Manner, manner_of, prompt_for, read_answer
from hanhua.progress import Progress

AT_ONCE = 8
"""Requests in flight to a server; a model in this process is asked one by one."""
LEDGER = "ledger.jsonl"


class Answering(Protocol):
    """A model that answers a prompt."""

    def answer(self, prompt: str) -> str:
        """Return its words."""


class Ledger:
    """What models were asked and what they said."""

    def __init__(self, path: Path) -> None:
        self._lines = AppendedLines(path)
        self._answers = {(str(row.get("model")), str(row.get("prompt"))): str(row["answer"]) for row in self._whole()}

    def find(self, model: str, prompt: str) -> str | None:
        """Return what a model said to a prompt, if it was asked."""
        return self._answers.get((model, prompt))

    def add(self, model: str, prompt: str, answer: str, *, label: str, key: str) -> None:
        """Take down an answer."""
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        row = {"model": model, "prompt": prompt, "answer": answer, "label": label, "key": key, "at": at}
        self._lines.append(row)
        self._answers[model, prompt] = answer

    def _whole(self) -> list[dict[str, object]]:
        return [row for row in self._lines.rows() if "answer" in row and "prompt" in row]


class ModelJudge:
    """A model with the way it is asked."""

    def __init__(self, model: Answering, name: str, *, manner: Manner, template: str, at_once: int) -> None:
        self.name, self._model, self._manner, self._template, self._at_once = name, model, manner, template, at_once

    @property
    def judge_name(self) -> str:
        """What it is called among judges."""
        return MODEL + self.name

    def judge_round(self, session: Session) -> None:
        """Judge what waits in the session's round; what it says is labeled as it comes."""
        ledger, waiting = Ledger(session.folder / LEDGER), session.waiting
        pool = ThreadPoolExecutor(self._at_once)
        try:
            with Progress(self.name, total=len(waiting), unit="texts") as bar:
                for one, prompt, answer in self._asked(waiting, ledger, pool):
                    label = read_answer(answer, self._manner)
                    if ledger.find(self.name, prompt) is None:
                        ledger.add(self.name, prompt, answer, label=label, key=one.key)
                    session.label(one.key, label)
                    bar.advance()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _asked(
        self, waiting: Iterable[Candidate], ledger: Ledger, pool: ThreadPoolExecutor
    ) -> Iterable[tuple[Candidate, str, str]]:
        asked: list[tuple[Candidate, str, str | Future[str]]] = []
        for one in waiting:
            prompt = prompt_for(one.text, self._manner, template=self._template)
            known = ledger.find(self.name, prompt)
            asked.append((one, prompt, pool.submit(self._model.answer, prompt) if known is None else known))
        for one, prompt, answer in asked:
            yield one, prompt, answer if isinstance(answer, str) else answer.result()


def open_judge(
    model: str, *, served_name: str | None, manner: Manner | None, prompt_file: Path | None, device: str
) -> ModelJudge:
    """Return a judge: a server by its address, or a model by its folder or Hub id, which transformers runs here.

    Raises InputError for one that cannot be reached or loaded, and for a prompt without `{text}`.
    """
    template = PROMPT if prompt_file is None else prompt_file.read_text(encoding="utf-8")
    if "{text}" not in template:
        raise InputError(f"{prompt_file}: a prompt must say where the text goes, as {{text}}")
    if model.startswith(("http://", "https://")):
        server = ChatServer(model, model=served_name)
        manner = manner or manner_of(server.model)
        return ModelJudge(server, server.model, manner=manner, template=template, at_once=AT_ONCE)
    from hanhua.filtering.harm.guard import build_guard

    guard = build_guard(GuardConfig(model=model, device=device))
    return ModelJudge(guard, Path(model).name, manner=manner or manner_of(model), template=template, at_once=1)
