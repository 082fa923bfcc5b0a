"""What other stages know of an answer: harm, personal data, questions of benchmarks, copies of the corpus."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from hanhua.services import CopyFinder, HarmScorer, Masker, QuestionFinder
from hanhua.synthesis.checks.case import Case

MAX_HARM = 0.5
"""The filter's own limit (`hanhua.services.HarmScore`)."""
_TAG = re.compile(r"\[[A-Z][A-Z_]+\]")


@dataclass(frozen=True)
class CheckContext:
    """What other stages know and a check asks; what is None is not asked."""

    harm: HarmScorer | None = None
    masker: Masker | None = None
    benchmarks: QuestionFinder | None = None
    copies: CopyFinder | None = None


def harmful(case: Case, context: CheckContext) -> str | None:
    """Return the category of harm in an answer."""
    found = context.harm.score(case.text) if context.harm is not None else None
    return f"{found.category} {found.score:.2f}" if found is not None and found.score >= MAX_HARM else None


def personal_data(case: Case, context: CheckContext) -> str | None:
    """Return the kinds of personal data in an answer. A tag that the filter put into the source is none."""
    if context.masker is None:
        return None
    new = Counter(_TAG.findall(context.masker.mask(case.text))) - Counter(_TAG.findall(case.text))
    return ", ".join(sorted(new)) or None


def benchmark_question(case: Case, context: CheckContext) -> str | None:
    """Return the place of a benchmark's question that an answer holds."""
    return context.benchmarks.question_in(case.text) if context.benchmarks is not None else None


def copy_of_corpus(case: Case, context: CheckContext) -> str | None:
    """Return the document that an answer is almost a copy of."""
    return context.copies.copy_of(case.text) if context.copies is not None else None
