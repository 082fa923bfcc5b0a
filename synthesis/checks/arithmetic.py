"""Sums in an answer, worked out again: one that is wrong teaches to calculate wrongly. Limit: none may be."""

from __future__ import annotations

from fractions import Fraction

from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.expressions import equations
from hanhua.synthesis.checks.quantities import read_quantities


def wrong_sums(case: Case) -> str | None:
    """Return the sums of an answer that do not hold."""
    wrong = [one.said for one in equations(case.plain) if not one.holds]
    return f"does not hold: {'; '.join(wrong[:3])}" if wrong else None


def other_result(case: Case) -> str | None:
    """Return the result that a worked problem gives, where its solution came to another."""
    if case.form.shape != "word_problem":
        return None
    answers, solutions = case.parts.of("answer"), case.parts.of("solution")
    if not answers or not solutions:
        return None
    said = [one.value for one in read_quantities(answers[-1].text)]
    results = _results(solutions[-1].text)
    if not said or not results or any(value in results for value in said):
        return None
    return f"答 says {_shown(said[-1])}, which the solution never comes to"


def _results(solution: str) -> set[Fraction]:
    found = {one.right for one in equations(solution)}
    behind = [one.value for line in solution.split("\n") for one in read_quantities(line)[-1:]]
    last = [one.value for one in read_quantities(solution)][-2:]
    return {*found, *behind, *last}


def _shown(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):g}"
