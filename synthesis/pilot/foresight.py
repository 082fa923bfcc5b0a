"""How far a few sections foresee the whole: 95% intervals over sections, since the requests of one are alike.

For each form the sampled sections stand for all of its requests. A section's part of the error is the sum, over the
forms it went through, of how far it lies from the form's mean; so forms that are long for the same sections are not
taken for independent. Source: Cochran, Sampling Techniques (1977), sections 2.6, 2.9 and 5A.9.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil, inf, sqrt

from hanhua.synthesis.judging import Judged
from hanhua.synthesis.settings import TeacherSettings

WIDE = 0.2
"""An interval that reaches further than this share from its estimate foresees too little to pay by."""
Interval = tuple[float, float]
Value = Callable[[Judged], float]
_FEW = {1: 12.706, 2: 4.303}


@dataclass(frozen=True)
class Foreseen:
    """What all requests would come to. interval: 95%; None where so few sections cannot say.

    enough_sections: how many would bring the interval to ±20%; None where it is, or where nobody can say.
    """

    estimate: float
    interval: Interval | None
    enough_sections: int | None

    @property
    def is_wide(self) -> bool:
        """Whether the interval reaches too far to plan by."""
        return self.reach is not None and self.reach > WIDE

    @property
    def reach(self) -> float | None:
        """How far the interval reaches from the estimate, as a share of it; None where there is none."""
        if self.interval is None or not self.estimate:
            return None
        return max(self.estimate - self.interval[0], self.interval[1] - self.estimate) / self.estimate


def values_of(teacher: TeacherSettings) -> dict[str, Value]:
    """Return what is foreseen of a request, by name; dollars where the teacher has a price, for both kinds of token."""
    found: dict[str, Value] = {
        "prompt_tokens": lambda one: _tokens(one)[0],
        "output_tokens": lambda one: _tokens(one)[1],
        "tokens": lambda one: sum(_tokens(one)),
        "accepted": lambda one: one.reason is None,
        "good_tokens": lambda one: _tokens(one)[1] if one.reason is None else 0,
    }
    if teacher.price(1, 1):
        found["dollars"] = lambda one: teacher.price(*_tokens(one))
    return found


def foresee(
    judged: Iterable[Judged], value: Value, planned: Mapping[str, int], *, sections: int, of_all: int
) -> Foreseen:
    """Return what the planned requests of some forms come to by those that were judged.

    planned: requests by form, of which the judged ones are a part. sections: how many were drawn; of_all: out of how
    many. A form that none of them went through is taken to be as the others, and then there is no interval.
    """
    by_form = _by_form(judged, value, planned)
    asked = [one for values in by_form.values() for one in values.values()]
    if not asked:
        return Foreseen(0.0, None, None)
    estimate, middle = 0.0, sum(asked) / len(asked)
    errors: defaultdict[str, float] = defaultdict(float)
    fewest: float = inf
    for form, number in planned.items():
        values = by_form.get(form, {})
        mean = sum(values.values()) / len(values) if values else middle
        estimate += mean * number
        if number > len(values):
            fewest = min(fewest, len(values))
        for section, one in values.items():
            errors[section] += (one - mean) * _weight(len(values), number)
    if fewest == inf:
        return Foreseen(estimate, (estimate, estimate), None)
    if fewest < 2 or not any(asked):
        return Foreseen(estimate, None, None)
    deviation = sqrt(sum(error * error for error in errors.values()))
    half = student_975(int(fewest) - 1) * deviation
    enough = _enough(deviation, estimate, sections, of_all) if half > WIDE * estimate else None
    return Foreseen(estimate, (max(estimate - half, sum(asked)), estimate + half), enough)


def student_975(freedom: int) -> float:
    """Return the upper 2.5% point of Student's t, within 1% (Fisher and Cornish 1960).

    >>> round(student_975(9), 2), round(student_975(10**6), 2)
    (2.26, 1.96)
    """
    if freedom in _FEW:
        return _FEW[freedom]
    z = 1.959964
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + sum(term / float(freedom) ** power for power, term in enumerate(terms, 1))


def _by_form(judged: Iterable[Judged], value: Value, planned: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Return by form and section what each request comes to."""
    found: dict[str, dict[str, float]] = {}
    for one in judged:
        if one.request.form.name in planned:
            seed = one.request.seed
            found.setdefault(one.request.form.name, {})[f"{seed.id}#{seed.section}"] = value(one)
    return found


def _weight(drawn: int, number: int) -> float:
    """Return what one section's distance from the mean of a form adds to the error of the form's total."""
    if drawn < 2 or drawn >= number:
        return 0.0
    return number / drawn * sqrt(drawn / (drawn - 1) * (1 - drawn / number))


def _enough(deviation: float, estimate: float, sections: int, of_all: int) -> int:
    """Return how many sections would do: the error falls with their number, and is gone when all are asked."""
    each = deviation**2 / (1 / sections - 1 / of_all)
    number = float(sections)
    for _ in range(5):  # the t of so many sections depends on their number
        allowed = (WIDE * estimate / student_975(max(ceil(number) - 1, 1))) ** 2
        number = 1 / (allowed / each + 1 / of_all)
    return min(max(ceil(number), sections + 1), of_all)


def _tokens(one: Judged) -> tuple[int, int]:
    answer = one.entry.answer if one.entry is not None else None
    return (0, 0) if answer is None else (answer.prompt_tokens, answer.output_tokens)
