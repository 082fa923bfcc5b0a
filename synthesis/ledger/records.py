"""The lines of a ledger, and what they say together: what is answered, and what was paid or may have been.

    {"asked": KEY, "attempt": 7, "tokens": 2900, "dollars": 0.004}      before it is sent, with the most it may cost
    {"failed": KEY, "attempt": 7, "why": …, "tokens": 0, "dollars": 0}  what it counts as having cost
    {"answer": KEY, "attempt": 8, "text": …, …}                        what it cost
    {"refused": KEY, "attempt": 9, "why": …}                           the server will never answer it

An attempt that was asked and has no further line was cut off by a kill: it counts as having cost the most it could.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hanhua.synthesis.answer import Answer


@dataclass(frozen=True)
class Cost:
    """Tokens sent and answered together, and US dollars."""

    tokens: int = 0
    dollars: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.tokens + other.tokens, self.dollars + other.dollars)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.tokens - other.tokens, self.dollars - other.dollars)


@dataclass(frozen=True)
class Entry:
    """How a request ended. answer: None for one that the server refuses; why: its reason then.

    seconds: from sending to the last byte.
    """

    answer: Answer | None
    why: str
    model: str
    engine: str
    cost: Cost
    seconds: float


def asked_line(key: str, attempt: int, most: Cost) -> dict[str, Any]:
    """Return what is written before a request is sent."""
    return {"asked": key, "attempt": attempt, "tokens": most.tokens, "dollars": most.dollars}


def failed_line(key: str, attempt: int, why: str, cost: Cost) -> dict[str, Any]:
    """Return what is written of an attempt without an answer, after which there may be another."""
    return {"failed": key, "attempt": attempt, "why": why[:300], "tokens": cost.tokens, "dollars": cost.dollars}


def ended_line(key: str, attempt: int, entry: Entry) -> dict[str, Any]:
    """Return what is written of a request that has ended."""
    shared = {"attempt": attempt, "dollars": entry.cost.dollars, "seconds": round(entry.seconds, 3)}
    if entry.answer is None:
        return {"refused": key, **shared, "tokens": entry.cost.tokens, "why": entry.why[:300]}
    answer = entry.answer
    said = {"model": entry.model, "engine": entry.engine, "finish_reason": answer.finish_reason, "text": answer.text}
    return {"answer": key, **shared, "tokens": [answer.prompt_tokens, answer.output_tokens], **said}


def entry_of(line: dict[str, Any]) -> Entry:
    """Return how a request ended, by the line of it."""
    if "refused" in line:
        return Entry(None, line["why"], "", "", cost_of(line), line["seconds"])
    prompt, output = line["tokens"]
    answer = Answer(line["text"], line["finish_reason"], prompt, output)
    return Entry(answer, "", line["model"], line["engine"], cost_of(line), line["seconds"])


def cost_of(line: dict[str, Any]) -> Cost:
    """Return what a line counts for."""
    tokens = line["tokens"]
    return Cost(sum(tokens) if isinstance(tokens, list) else tokens, line["dollars"])
