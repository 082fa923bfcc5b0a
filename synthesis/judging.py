"""Every answer judged, in the order of the requests: by itself first, then among the others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from hanhua.synthesis.checks.among import reject_alike
from hanhua.synthesis.checks.verdict import CheckContext, Verdict, judge
from hanhua.synthesis.documents import document_id
from hanhua.synthesis.ledger.file import Ledger
from hanhua.synthesis.ledger.records import Entry
from hanhua.synthesis.request import Request

REFUSED = "refused_by_server"
UNANSWERED = "unanswered"


@dataclass
class FormTally:
    """Counts of one form. good_tokens: of the teacher's output that is kept; characters: of the kept texts."""

    requests: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    output_tokens: int = 0
    good_tokens: int = 0
    characters: int = 0

    @property
    def pass_rate(self) -> float:
        """Share of the requests whose answer is kept."""
        return self.accepted / self.requests if self.requests else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, the commonest reason first."""
        reasons = dict(sorted(self.rejected.items(), key=lambda one: (-one[1], one[0])))
        return {
            "requests": self.requests,
            "accepted": self.accepted,
            "pass_rate": round(self.pass_rate, 4),
            "rejected": reasons,
            "prompt_tokens": self.prompt_tokens,
            "output_tokens": self.output_tokens,
            "good_tokens": self.good_tokens,
            "characters": self.characters,
        }


@dataclass(frozen=True)
class Judged:
    """One request with its answer and what was found of it. entry: None where there is no answer."""

    request: Request
    entry: Entry | None
    verdict: Verdict

    @property
    def reason(self) -> str | None:
        """Why it is not kept, None for what is."""
        return None if self.verdict.accepted else self.verdict.reason or "rejected"


def judge_all(
    requests: Callable[[], Iterable[Request]], ledger: Ledger, context: CheckContext, spool: Path
) -> Iterator[Judged]:
    """Yield every request with its last word, in order.

    Each answer is judged once by itself, its verdict spooled; what is too much alike among those that pass is found
    over all of them, and only then the first one is yielded.
    """
    spool.parent.mkdir(parents=True, exist_ok=True)
    with spool.open("w", encoding="utf-8") as out:
        alike = reject_alike(_passing(requests(), ledger, context, out))
    with spool.open(encoding="utf-8") as lines:
        for request, line in zip(requests(), lines, strict=True):
            verdict = Verdict(**json.loads(line))
            reason = alike.get(document_id(request)) if verdict.accepted else None
            if reason is not None:
                verdict = Verdict(False, reason, "", verdict.text)
            yield Judged(request, _entry(ledger, request), verdict)
    spool.unlink()


def tally(judged: Judged, tallies: dict[str, FormTally]) -> None:
    """Count one request."""
    one = tallies.setdefault(judged.request.form.name, FormTally())
    one.requests += 1
    if judged.entry is not None and judged.entry.answer is not None:
        one.prompt_tokens += judged.entry.answer.prompt_tokens
        one.output_tokens += judged.entry.answer.output_tokens
    if judged.reason is not None:
        one.rejected[judged.reason] += 1
        return
    assert judged.entry is not None and judged.entry.answer is not None
    one.accepted += 1
    one.good_tokens += judged.entry.answer.output_tokens
    one.characters += len(judged.verdict.text)


def _passing(
    requests: Iterable[Request], ledger: Ledger, context: CheckContext, out: TextIO
) -> Iterator[tuple[str, str]]:
    """Judge each answer by itself, note the verdict, and yield (id, text) of those that pass."""
    for request in requests:
        verdict = _judge(request, _entry(ledger, request), context)
        out.write(json.dumps(asdict(verdict), ensure_ascii=False) + "\n")
        if verdict.accepted:
            yield document_id(request), verdict.text


def _judge(request: Request, entry: Entry | None, context: CheckContext) -> Verdict:
    if entry is None:
        return Verdict(False, UNANSWERED, "", "")
    if entry.answer is None:
        return Verdict(False, REFUSED, entry.why, "")
    return judge(request.form, request.seed, entry.answer, context)


def _entry(ledger: Ledger, request: Request) -> Entry | None:
    return ledger.entry(request.key) if request.key in ledger else None
