"""Trainable a quality model from documents one would train on and documents one would not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hanhua.errors import InputError
from hanhua.filtering.linear.fitting import FOLDS, Example, Labels, Margins, fit, margins_of_held_out, platt
from hanhua.filtering.quality_model.model import QualityModel
from hanhua.zh_text.folding import Codes, folded_codes

LEARNED_CHARACTERS = 640
"""Of each document so much is learned from, in evenly spaced pieces: long ones must not drown the short."""
_PIECE = 80


def train_quality_model(
    good: Sequence[str], bad: Sequence[str], *, facts: Mapping[str, Any], column_bits: int = 18
) -> QualityModel:
    """Train and calibrate; both kinds count the same, however many documents there are of each.

    Deterministic. Raises InputError for too few documents, MissingExtra without scikit-learn.
    """
    texts = [*map(folded_codes, good), *map(folded_codes, bad)]
    truth = np.array([1] * len(good) + [0] * len(bad), dtype=np.int64)
    long_enough = np.array([len(codes) >= 2 for codes in texts], dtype=bool)
    counts = np.bincount(truth[long_enough], minlength=2)
    if counts.min() < FOLDS:
        raise InputError(f"{counts[1]:,} good and {counts[0]:,} bad documents, but {FOLDS} of each are needed")
    texts, truth = [text for text, fits in zip(texts, long_enough, strict=True) if fits], truth[long_enough]
    share = {1: len(truth) / (2 * counts[1]), 0: len(truth) / (2 * counts[0])}
    examples = [Example(_shortened(codes), share[int(label)]) for codes, label in zip(texts, truth, strict=True)]

    def fit_some(some: Sequence[Example], labels: Labels) -> QualityModel:
        weights, intercept = fit(some, labels, column_bits=column_bits, what="train-quality")
        return QualityModel(weights, intercept, 1.0, 0.0, {})

    margins = margins_of_held_out(examples, truth, lambda some, labels: fit_some(some, labels).margin)
    slope, offset = platt(margins, truth, balanced=True)
    figures = {
        "documents": {"good": int(counts[1]), "bad": int(counts[0])},
        "held_out_folds": _rates(slope * margins + offset, truth),
    }
    return replace(fit_some(examples, truth), slope=slope, offset=offset, facts={**facts, **figures})


def _shortened(codes: Codes) -> Codes:
    """Return a long document as evenly spaced pieces, one after the other."""
    if len(codes) <= LEARNED_CHARACTERS:
        return codes
    starts = np.linspace(0, len(codes) - _PIECE, LEARNED_CHARACTERS // _PIECE).astype(int)
    return np.concatenate([codes[start : start + _PIECE] for start in starts.tolist()])


def _rates(logits: Margins, truth: Labels) -> dict[str, float]:
    """Return how well the two kinds are distinguished; for the first figure, chance is 0.5."""
    good, bad = logits[truth == 1], np.sort(logits[truth == 0])
    below = (np.searchsorted(bad, good, side="left") + np.searchsorted(bad, good, side="right")) / 2
    return {
        "area_under_roc": round(float(below.mean() / len(bad)), 4),
        "good_kept_at_half": round(float((good >= 0).mean()), 4),
        "bad_kept_at_half": round(float((bad >= 0).mean()), 4),
    }
