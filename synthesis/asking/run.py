"""Asks all requests of a run, and tells how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable

from hanhua.errors import HanhuaError
from hanhua.progress import Progress, say
from hanhua.synthesis.asking.asker import Asked, Asker
from hanhua.synthesis.asking.budget import Budget
from hanhua.synthesis.asking.concurrency import Gate
from hanhua.synthesis.ledger.file import Ledger
from hanhua.synthesis.request import Request
from hanhua.synthesis.settings import AskingSettings, TeacherSettings

BYTES_PER_TOKEN = 8
"""An answer in the ledger takes no more than this for a token, and a little for what is said of it."""
BYTES_PER_LINE = 4096
NO_ANSWER = "See what the server printed, check synthesis.teacher, and run the same command again"


def ask_all(
    requests: Iterable[Request],
    *,
    teacher: TeacherSettings,
    ledger: Ledger,
    settings: AskingSettings,
    total: int,
    longest_tokens: int,
    elsewhere: Container[str] = (),
    name: str = "synthesis",
) -> Asked:
    """Ask what the ledger does not hold, up to the ceiling. total: of the requests; longest_tokens: of an answer.

    elsewhere: keys of requests that another ledger holds, which are not asked either.

    Raises HanhuaError when more stay unanswered than may; what is answered is in the ledger all the same.
    """
    ledger.keep_space(settings.max_concurrency * (longest_tokens * BYTES_PER_TOKEN + BYTES_PER_LINE))
    with Progress(name, total=total, unit="requests") as bar:

        def show(asked: Asked, budget: Budget, gate: Gate) -> None:
            reached = asked.answered + asked.found
            note = f"{budget.spent.tokens:,} tokens, {gate.under_way} under way"
            note += f", ${budget.spent.dollars:,.2f}" if budget.spent.dollars else ""
            bar.advance(reached - bar.done, note=note)

        asker = Asker(teacher, ledger, settings, elsewhere=elsewhere, on_answer=show)
        asked = asyncio.run(asker.ask(requests))
        bar.advance(asked.found + asked.answered - bar.done)
    _tell(asked, name)
    allowed = int(settings.max_unanswered_ratio * total)
    if len(asked.unanswered) > allowed:
        what = f"{name}: {len(asked.unanswered):,} of {total:,} requests stayed unanswered"
        if not asked.answered:
            raise HanhuaError(f"{what}, and none was answered; the last failure: {asked.last_failure}. {NO_ANSWER}")
        raise HanhuaError(
            f"{what}, and {allowed:,} may (asking.max_unanswered_ratio); the last failure: {asked.last_failure}. What "
            "is answered is kept: run the same command again"
        )
    return asked


def _tell(asked: Asked, name: str) -> None:
    if asked.failures:
        failures = ", ".join(f"{count:,} × {kind}" for kind, count in asked.failures.most_common())
        say(f"{name}: {failures}; asked again where that helps; concurrency halved {asked.halvings:,} times")
