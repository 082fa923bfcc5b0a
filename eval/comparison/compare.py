"""Before and after: paired differences of two models on the same documents, questions and prompts.

A verdict is `better`, `worse`, `no difference`, or `too few documents` where one alone differs. The intervals cover the
items, not training seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hanhua.bits import bits_of_nats
from hanhua.eval.comparison.intervals import bootstrap_ratio, mcnemar
from hanhua.eval.language.bits_per_byte import DocumentLikelihood

NEGLIGIBLE_BITS = 1e-4
"""Bits per character below which two models are the same: float noise of batches and threads is a tenth of it."""

SIGNIFICANT_P = 0.05


def compare_likelihoods(
    before: Sequence[DocumentLikelihood], after: Sequence[DocumentLikelihood], *, seed: int
) -> dict[str, Any]:
    """Return the change of bits per character over the same documents; below 0 is better.

    Both models read the same characters, whatever their tokenizers. But a uniform model already gains
    by a better tokenizer alone, so only a change at one tokenizer shows that something was learned.
    `relative` is the change over the earlier model's bits, -0.1 for a tenth fewer, whether per character or per byte.
    """
    assert [d.id for d in before] == [d.id for d in after], "paired documents differ"
    changes = [bits_of_nats(a.nats - b.nats) for b, a in zip(before, after, strict=True)]
    characters = [d.characters for d in before]
    difference = sum(changes) / sum(characters)
    interval = bootstrap_ratio(changes, characters, seed=seed)
    verdict = "no difference"
    if abs(difference) >= NEGLIGIBLE_BITS:
        if interval is None:
            verdict = "too few documents"
        elif not interval[0] <= 0 <= interval[1]:
            verdict = "better" if difference < 0 else "worse"
    return {
        "documents": len(changes),
        "difference": difference,
        "interval": None if interval is None else list(interval),
        "relative": _relative([d.nats for d in before], [d.nats for d in after], seed=seed),
        "verdict": verdict,
    }


def _relative(before: Sequence[float], after: Sequence[float], *, seed: int) -> dict[str, Any] | None:
    """Return the ratio of two sums less one, with an interval over the items that both are summed over."""
    if not sum(before):
        return None
    interval = bootstrap_ratio(after, before, seed=seed)
    return {
        "change": sum(after) / sum(before) - 1,
        "interval": None if interval is None else [bound - 1 for bound in interval],
    }


def compare_outcomes(before: Sequence[bool], after: Sequence[bool], *, good: bool, seed: int) -> dict[str, Any]:
    """Return the change of a rate (right answers, harmful generations) over the same items.

    good: whether more of it is better. The p is McNemar's exact one; the interval is bootstrapped.
    """
    paired = mcnemar(before, after)
    changes = [float(a) - float(b) for b, a in zip(before, after, strict=True)]
    difference = sum(changes) / len(changes)
    interval = bootstrap_ratio(changes, [1.0] * len(changes), seed=seed)
    verdict = "no difference"
    if paired.p_value < SIGNIFICANT_P:
        verdict = "better" if (difference > 0) == good else "worse"
    return {
        "items": len(changes),
        "difference": difference,
        "interval": None if interval is None else list(interval),
        "p_value": paired.p_value,
        "both": paired.both,
        "only_before": paired.only_before,
        "only_after": paired.only_after,
        "neither": paired.neither,
        "verdict": verdict,
    }
