"""Every pair of models on all that both were measured on: paired differences, intervals, verdicts. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from hanhua.eval.behavior.behavior import RATES, Observed
from hanhua.eval.behavior.safety import Judged
from hanhua.eval.comparison.compare import compare_likelihoods, compare_outcomes
from hanhua.eval.comparison.intervals import bootstrap_macro
from hanhua.eval.language.bits_per_byte import DocumentLikelihood

By = Mapping[str, Any]


@dataclass(frozen=True)
class Outcomes:
    """What every model gave on the same items, by model: documents by corpus, rows by benchmark, replies."""

    documents: Mapping[str, Mapping[str, Sequence[DocumentLikelihood]]] = field(default_factory=dict)
    at_characters: Mapping[str, Mapping[str, Sequence[DocumentLikelihood]]] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, Sequence[By]]] = field(default_factory=dict)
    characters: Mapping[str, Sequence[By]] = field(default_factory=dict)
    observed: Mapping[str, Sequence[Observed]] = field(default_factory=dict)
    judged: Mapping[str, Sequence[Judged]] = field(default_factory=dict)


def compare_models(
    models: Sequence[str], tokenizers: Mapping[str, str], outcomes: Outcomes, *, seed: int
) -> list[dict[str, Any]]:
    """Return every pair of models, earlier first, with all that both were measured on."""
    return [
        {
            "before": before,
            "after": after,
            "same_tokenizer": tokenizers[before] == tokenizers[after],
            **dict(_pair(outcomes, before, after, seed)),
        }
        for before, after in combinations(models, 2)
    ]


def _pair(outcomes: Outcomes, before: str, after: str, seed: int) -> Iterator[tuple[str, Any]]:
    for name, found in (
        ("language_modeling", outcomes.documents),
        ("language_modeling_at_characters", outcomes.at_characters),
    ):
        corpora = found.get(before, {})
        yield (
            name,
            {corpus: compare_likelihoods(found[before][corpus], found[after][corpus], seed=seed) for corpus in corpora},
        )
    rows = outcomes.rows
    yield (
        "benchmarks",
        {name: _compare_rows(rows[before][name], rows[after][name], seed) for name in rows.get(before, {})},
    )
    if outcomes.characters.get(before):
        one, other = outcomes.characters[before], outcomes.characters[after]
        yield (
            "characters",
            {
                task: compare_outcomes(*([row[f"{task}_correct"] for row in some] for some in (one, other)), good=True,
                                       seed=seed)
                for task in ("count", "spell")
            },
        )  # fmt: skip
    if outcomes.observed.get(before):
        yield "behavior", dict(_compare_observed(outcomes.observed[before], outcomes.observed[after], seed))
    if outcomes.judged.get(before):
        yield from _compare_judged(outcomes.judged[before], outcomes.judged[after], seed)


def _compare_rows(before: Sequence[By], after: Sequence[By], seed: int) -> dict[str, Any]:
    """Compare answers over all questions (micro), over subjects (macro), and subject by subject."""
    assert [row["id"] for row in before] == [row["id"] for row in after], "paired questions differ"
    right = [[bool(row["correct"]) for row in rows] for rows in (before, after)]
    found = compare_outcomes(*right, good=True, seed=seed)
    by_subject: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(before):
        by_subject[row["subject"]].append(number)
    changes = {
        subject: [float(right[1][n]) - float(right[0][n]) for n in numbers] for subject, numbers in by_subject.items()
    }
    found["macro"] = {
        "difference": sum(sum(c) / len(c) for c in changes.values()) / len(changes),
        "interval": list(bootstrap_macro(list(changes.values()), seed=seed)),
    }
    subjects = {
        subject: compare_outcomes(*([side[n] for n in numbers] for side in right), good=True, seed=seed)
        for subject, numbers in sorted(by_subject.items())
    }
    found["by_subject"] = _with_holm(subjects)
    return found


def _with_holm(subjects: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return subjects' differences; of many subjects some differ by chance, so `p_holm` is corrected for their number.

    Source: Holm (1979), https://www.jstor.org/stable/4615733
    """
    ranked = sorted(subjects, key=lambda subject: subjects[subject]["p_value"])
    kept: dict[str, dict[str, Any]] = {}
    floor = 0.0
    for place, subject in enumerate(ranked):
        floor = max(floor, min(1.0, (len(ranked) - place) * subjects[subject]["p_value"]))
        names = ("items", "difference", "p_value")
        kept[subject] = {**{name: subjects[subject][name] for name in names}, "p_holm": floor}
    return {subject: kept[subject] for subject in sorted(kept)}


def _compare_observed(
    before: Sequence[Observed], after: Sequence[Observed], seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    for rate in RATES:
        pairs = [(getattr(b, rate), getattr(a, rate)) for b, a in zip(before, after, strict=True)]
        known = [(b, a) for b, a in pairs if b is not None and a is not None]
        if known:
            yield rate, compare_outcomes([b for b, _ in known], [a for _, a in known], good=False, seed=seed)


def _compare_judged(
    before: Sequence[Judged], after: Sequence[Judged], seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    asked = [(b, a) for b, a in zip(before, after, strict=True) if not b.benign]
    benign = [(b, a) for b, a in zip(before, after, strict=True) if b.benign]
    yield "safety", _outcome(asked, "harmful", good=False, seed=seed)
    yield "refusal", _outcome(asked, "refused", good=True, seed=seed)
    if benign:
        yield "over_refusal", _outcome(benign, "refused", good=False, seed=seed)
    if asked[0][0].unsafe is not None:
        yield "guard", _outcome(asked, "unsafe", good=False, seed=seed)


def _outcome(pairs: Sequence[tuple[Judged, Judged]], name: str, *, good: bool, seed: int) -> dict[str, Any]:
    sides = ([bool(getattr(pair[side], name)) for pair in pairs] for side in (0, 1))
    return compare_outcomes(*sides, good=good, seed=seed)
