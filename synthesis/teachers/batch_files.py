"""A provider's batch files: requests written for it, and what comes back read into the ledger.

A batch costs half with most providers and takes up to a day. A line of the file is a request under its key:

    {"custom_id": KEY, "method": "POST", "url": "/v1/chat/completions", "body": {…}}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.errors import InputError
from hanhua.synthesis.ledger.file import Ledger
from hanhua.synthesis.ledger.records import Cost, Entry, ended_line, failed_line
from hanhua.synthesis.request import Request
from hanhua.synthesis.settings import TeacherSettings
from hanhua.synthesis.teachers.endpoint import failure_of_status, read_answer
from hanhua.synthesis.teachers.failures import Broken, Failure, Refused

URL = "/v1/chat/completions"
LINES_AT_ONCE = 1000


@dataclass
class BatchRead:
    """What came of a file. known: answered before; other: of another run's settings; failed: to be asked again."""

    answered: int = 0
    refused: int = 0
    failed: int = 0
    known: int = 0
    other: int = 0


def write_batch(path: Path, requests: Iterable[Request], ledger: Ledger) -> int:
    """Write every request that the ledger does not hold, each once; return how many."""
    written: set[str] = set()
    with path.open("w", encoding="utf-8") as out:
        for request in requests:
            if request.key not in ledger and request.key not in written:
                written.add(request.key)
                line = {"custom_id": request.key, "method": "POST", "url": URL, "body": request.body}
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return len(written)


def read_batch(path: Path, requests: Iterable[Request], ledger: Ledger, teacher: TeacherSettings) -> BatchRead:
    """Take a provider's answers into the ledger; a file may be read twice.

    An answer to a request that the settings no longer make is left out: it would be another prompt's. Raises
    InputError for a file that is no output of a batch.
    """
    wanted = {request.key: request for request in requests}
    found = BatchRead()
    waiting: list[dict[str, Any]] = []
    seen: set[str] = set()
    for key, response in _responses(path):
        if key not in wanted:
            found.other += 1
        elif key in ledger or key in seen:
            found.known += 1
        else:
            seen.add(key)
            waiting.append(_line(wanted[key], response, ledger.next_attempt(), teacher, found))
        if len(waiting) == LINES_AT_ONCE:
            ledger.add_now(waiting)
            waiting = []
    ledger.add_now(waiting)
    return found


def _line(
    request: Request, response: Mapping[str, Any], number: int, teacher: TeacherSettings, found: BatchRead
) -> dict[str, Any]:
    status = response.get("status_code", 0)
    body = json.dumps(response.get("body"), ensure_ascii=False).encode()
    try:
        if status != 200:
            raise failure_of_status(status, body.decode()[:300], {}, "batch")
        told = read_answer(body, request)
    except Refused as error:
        found.refused += 1
        return ended_line(request.key, number, Entry(None, str(error), "", "", Cost(), 0.0))
    except Failure as error:
        found.failed += 1
        most = (request.most_prompt_tokens, request.max_output_tokens)
        cost = Cost(sum(most), teacher.price(*most)) if isinstance(error, Broken) else Cost()
        return failed_line(request.key, number, str(error), cost)
    found.answered += 1
    answer = told.answer
    dollars = teacher.price(answer.prompt_tokens, answer.output_tokens)
    cost = Cost(answer.prompt_tokens + answer.output_tokens, dollars)
    return ended_line(request.key, number, Entry(answer, "", told.served_model, told.engine, cost, 0.0))


def _responses(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                key, response = row["custom_id"], row.get("response") or {"status_code": 0, "body": row.get("error")}
            except (ValueError, LookupError, TypeError, AttributeError):
                raise InputError(f"{path}:{number}: not a line of a batch's output (custom_id, response)") from None
            yield str(key), response
