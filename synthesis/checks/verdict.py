"""What becomes of one answer: taken, or rejected by the first check that finds something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.arithmetic import other_result, wrong_sums
from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.endings import repeats_itself, truncated, unbalanced
from hanhua.synthesis.checks.grounding import foreign_dates, foreign_names, foreign_numbers
from hanhua.synthesis.checks.language import wrong_language, wrong_script
from hanhua.synthesis.checks.overlap import copied, drifted, wrong_length
from hanhua.synthesis.checks.passed_in import (
    CheckContext,
    benchmark_question,
    copy_of_corpus,
    harmful,
    personal_data,
)
from hanhua.synthesis.checks.shapes import broken_form
from hanhua.synthesis.checks.talk import refusal, speaks_as_model, speaks_of_prompt
from hanhua.synthesis.forms.form import Form
from hanhua.synthesis.seed import Seed

__all__ = ["CHECKS", "CHECKS_VERSION", "PASSED_IN", "CheckContext", "Verdict", "findings", "judge"]

CHECKS: dict[str, Callable[[Case], str | None]] = {
    "empty": lambda case: None if case.text else "nothing in it",
    "truncated": truncated,
    "refusal": refusal,
    "speaks_as_model": speaks_as_model,
    "speaks_of_prompt": speaks_of_prompt,
    "language": wrong_language,
    "script": wrong_script,
    "repeats_itself": repeats_itself,
    "unbalanced": unbalanced,
    "length": wrong_length,
    "form": broken_form,
    "numbers": foreign_numbers,
    "dates": foreign_dates,
    "names": foreign_names,
    "arithmetic": wrong_sums,
    "result": other_result,
    "copy": copied,
    "drift": drifted,
}
"""By name, in the order in which they are asked; each returns what it found, None for nothing."""

PASSED_IN: dict[str, Callable[[Case, CheckContext], str | None]] = {
    "benchmark": benchmark_question,
    "harm": harmful,
    "personal_data": personal_data,
    "corpus_copy": copy_of_corpus,
}
"""Those that ask what another stage knows."""

_RULES = 2
"""Raised when the same answer gets another verdict; part of `CHECKS_VERSION`."""
CHECKS_VERSION = fingerprint([_RULES, *CHECKS, *PASSED_IN])


@dataclass(frozen=True)
class Verdict:
    """accepted: whether the answer is kept. reason: the check that rejected it. text: the answer, cleaned."""

    accepted: bool
    reason: str | None
    detail: str
    text: str


def judge(form: Form, seed: Seed, answer: Answer, context: CheckContext) -> Verdict:
    """Return what becomes of an answer; the text of a kept one is what is trained on."""
    case = Case(form, seed, answer)
    reason, detail = next(findings(case, context), (None, ""))
    return Verdict(reason is None, reason, detail, case.text)


def findings(case: Case, context: CheckContext) -> Iterator[tuple[str, str]]:
    """Yield (check, what it found) for every check that finds something."""
    if not case.text:
        yield "empty", "nothing in it"
        return
    for name, check in CHECKS.items():
        if (found := check(case)) is not None:
            yield name, found
    for name, ask in PASSED_IN.items():
        if (found := ask(case, context)) is not None:
            yield name, found
