"""What becomes of one answer: taken, or rejected by the first check that finds something."""

from __future__ import annotations

from dataclasses import dataclass

from hanhua.services import CopyFinder, HarmScorer, Masker, QuestionFinder
from hanhua.synthesis.answer import Answer
from hanhua.synthesis.forms.form import Form
from hanhua.synthesis.seed import Seed


@dataclass(frozen=True)
class Verdict:
    """accepted: whether the answer is kept. reason: the check that rejected it. text: the answer, cleaned."""

    accepted: bool
    reason: str | None
    detail: str
    text: str


@dataclass(frozen=True)
class CheckContext:
    """What other stages know and a check asks; what is None is not asked."""

    harm: HarmScorer | None = None
    masker: Masker | None = None
    benchmarks: QuestionFinder | None = None
    copies: CopyFinder | None = None


def judge(form: Form, seed: Seed, answer: Answer, context: CheckContext) -> Verdict:
    """Return what becomes of an answer."""
    del form, seed, context
    text = answer.text.strip()
    return Verdict(bool(text), None if text else "empty", "", text)
