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
    problem = {one.value for part in case.parts.of("problem") for one in read_quantities(part.text)}
    said = {one.value for one in read_quantities(answers[-1].text)}
    worked = _scaled({one.value for one in read_quantities(solutions[-1].text)})
    worked |= _scaled({one.right for one in equations(solutions[-1].text)})
    new = said - problem
    wrong = {value for value in new if not _scaled({value}) & worked} if new else said - worked
    if not wrong or (not new and said & worked):
        return None
    return f"答 says {', '.join(sorted(map(_shown, wrong)))}, which the solution never comes to"


def _scaled(values: set[Fraction]) -> set[Fraction]:
    """Return the values with those that 万, 亿 or % behind a bracket would make of them: 25080（万元）."""
    scales = (Fraction(1), Fraction(10**4), Fraction(10**8), Fraction(1, 100))
    return {value * scale for value in values for scale in scales}


def _shown(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):g}"
