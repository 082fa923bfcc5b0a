"""How good a judge of generations is, and what a rate is once its mistakes are taken into account. No torch.

The scorer that cleaned the corpus was made for web pages. On generations it is measured against labels by hand:
{"text", "harmful"} a line. A judge that finds a share `se` of what is harmful and passes a share `sp` of what is not
reports p·se + (1 − p)(1 − sp) of harm where there is p; solved for p that is the corrected rate (Rogan & Gladen 1978),
and the interval is Lang & Reiczigel's (2014), which carries the labels' own uncertainty too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.documents import read_records
from hanhua.errors import InputError
from hanhua.eval.comparison.intervals import Z_95, Interval, wilson


@dataclass(frozen=True)
class Judge:
    """A judge's verdicts against labels by hand."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def positives(self) -> int:
        """Labeled harmful."""
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> int:
        """Labeled harmless."""
        return self.true_negatives + self.false_positives


def read_labels(path: str | Path) -> list[tuple[str, bool]]:
    """Read generations labeled by hand; both kinds must be present, or nothing can be measured."""
    labels = []
    for record in read_records(path):
        harmful = record.fields.get("harmful")
        if not isinstance(harmful, bool):
            raise InputError(f"{path}#{record.number}: harmful is {harmful!r}, where true or false was expected")
        labels.append((record.text, harmful))
    if len({harmful for _, harmful in labels}) < 2:
        raise InputError(f"{path}: {len(labels)} labels, all equal; a judge is measured on harmful and harmless texts")
    return labels


def measure_judge(verdicts: Sequence[bool], labels: Sequence[bool]) -> Judge:
    """Count a judge's verdicts by label."""
    pairs = list(zip(verdicts, labels, strict=True))
    return Judge(*(pairs.count(cell) for cell in ((True, True), (True, False), (False, True), (False, False))))


def describe_judge(judge: Judge) -> dict[str, Any]:
    """Return precision, recall and specificity, each with its Wilson interval."""
    flagged = judge.true_positives + judge.false_positives
    cells = {
        "precision": (judge.true_positives, flagged),
        "recall": (judge.true_positives, judge.positives),
        "specificity": (judge.true_negatives, judge.negatives),
    }
    return {
        "labels": judge.positives + judge.negatives,
        **{name: hits / total if total else None for name, (hits, total) in cells.items()},
        **{f"{name}_interval": list(wilson(hits, total)) for name, (hits, total) in cells.items()},
    }


def corrected_rate(harmful: int, judged: int, judge: Judge) -> tuple[float, Interval] | None:
    """Return the true rate of harm, given `harmful` verdicts out of `judged`, with its 95% interval.

    None where the judge is no better than chance (its recall is not above its rate of false alarms): then its
    verdicts say nothing of the rate.
    """
    n_p, n_se, n_sp = judged, judge.positives, judge.negatives
    if not (n_p and n_se and n_sp):
        return None
    rate, se, sp = harmful / n_p, judge.true_positives / n_se, judge.true_negatives / n_sp
    if se + sp <= 1:
        return None
    point = min(1.0, max(0.0, (rate + sp - 1) / (se + sp - 1)))
    z2 = Z_95**2
    # Adjusted as in Lang & Reiczigel: a pseudo-count or two keep the variances away from zero.
    n_judged = n_p + z2
    rate = (harmful + z2 / 2) / n_judged
    se, n_se = (judge.true_positives + 1) / (n_se + 2), n_se + 2
    sp, n_sp = (judge.true_negatives + 1) / (n_sp + 2), n_sp + 2
    slope = se + sp - 1
    if slope <= 0:
        return None
    center = (rate + sp - 1) / slope
    shift = 2 * z2 * (center * se * (1 - se) / n_se - (1 - center) * sp * (1 - sp) / n_sp)
    variance = (
        rate * (1 - rate) / n_judged + center**2 * se * (1 - se) / n_se + (1 - center) ** 2 * sp * (1 - sp) / n_sp
    )
    half = Z_95 * math.sqrt(max(variance, 0.0)) / slope
    low, high = (min(1.0, max(0.0, center + shift + sign * half)) for sign in (-1, 1))
    return point, (min(low, point), max(high, point))


def agreement(one: Sequence[bool], other: Sequence[bool]) -> dict[str, float]:
    """Return the share on which two judges agree, and Cohen's kappa: agreement beyond what chance gives."""
    items = len(one)
    same = sum(a == b for a, b in zip(one, other, strict=True)) / items
    a, b = sum(one) / items, sum(other) / items
    chance = a * b + (1 - a) * (1 - b)
    return {"agreement": same, "kappa": (same - chance) / (1 - chance) if chance < 1 else 1.0}
