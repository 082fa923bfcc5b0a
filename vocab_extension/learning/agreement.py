"""Which candidates become tokens where there are several sources, if asked: those that the sources agree on.

What is common in one source alone (names out of one chronicle, phrases of one country's statutes) is of little use
for texts of yet another kind, and what several have is of much. A sum of occurrences does not tell them apart; the
mean of a power of the rates does. So more strings are joined than are wanted, and of those that come about are kept

    k · (Σ share^(1−e) · weight^e)^(1/e)  +  weight in the word lists

the greatest, where share is that of a source in the corpus, weight that of the string in the source, and e an
exponent from 0 to 1. With e = 1, or one source alone, that is the plain sum. k makes the sum over all candidates what
it is there, so that the word lists keep their weight.

Shape suffixes: C candidates in the order they were joined in, R sources.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

CANDIDATES = 1.4
"""Strings joined for each token wanted."""

Floats = npt.NDArray[np.float64]


def by_agreement(
    tokens: Sequence[bytes], evidence_CR: Floats, *, exponent: float, known: Collection[bytes]
) -> list[int]:
    """Return the numbers of the candidates, those first that should become tokens; a token follows what it is made of.

    evidence_CR: of each its weight in each source, and as last column in all sources and the word lists; a candidate
    that must become a token has infinity there. known: the base's tokens.
    """
    score_C = scores(evidence_CR[:, :-1], evidence_CR[:, -1], exponent=exponent)
    order: list[int] = np.argsort(-_held_back(tokens, score_C, known), kind="stable").tolist()
    return order


def scores(weight_CR: Floats, weight_C: Floats, *, exponent: float) -> Floats:
    """Return what each candidate is worth; weight_C: in all sources and the word lists."""
    sum_C = weight_CR.sum(axis=1)
    share_R = weight_CR.sum(axis=0) / max(float(sum_C.sum()), 1.0)
    columns = zip(weight_CR.T, share_R.tolist(), strict=True)
    mean_C = sum((share ** (1 - exponent) * weight_C**exponent for weight_C, share in columns), np.zeros(len(sum_C)))
    mean_C = mean_C ** (1 / exponent)
    scale = float(sum_C.sum()) / max(float(mean_C.sum()), 1.0)
    # Whole numbers: the last bits of a power are not the same on every machine.
    worth_C: Floats = np.rint(mean_C * scale + (weight_C - sum_C))
    return worth_C


def _held_back(tokens: Sequence[bytes], score_C: Floats, known: Collection[bytes]) -> Floats:
    """Return the scores, none greater than that of the parts by which the candidate is reached."""
    held: dict[bytes, float] = {}
    for token, score in zip(tokens, score_C.tolist(), strict=True):
        parts = (
            min(held.get(token[:at], np.inf), held.get(token[at:], np.inf))
            for at in range(1, len(token))
            if (token[:at] in held or token[:at] in known) and (token[at:] in held or token[at:] in known)
        )
        held[token] = min(score, max(parts, default=score))
    return np.fromiter(held.values(), dtype=np.float64, count=len(held))
