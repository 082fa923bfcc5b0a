"""Trainable the linear classifier of harmful text, and chooses the thresholds from which it rejects.

Margins are calibrated on held-out folds (Platt), and a threshold is the highest that the harmless examples (held out)
or any file of benign text asks for, short and long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError
from hanhua.filtering.harm.benign import asked_for, benign_rates, halves, learned_snippets, measure, pooled
from hanhua.filtering.harm.classifier import MIN_CHARACTERS, Calibration, HarmClassifier, Namer
from hanhua.filtering.harm.combination import added_by
from hanhua.filtering.harm.disguised_copies import learned_copies
from hanhua.filtering.harm.scorer import LexiconScorer
from hanhua.filtering.linear.fitting import (
    COST,
    FOLDS,
    SEED,
    Example,
    Labels,
    Margins,
    count_columns,
    cut_pieces,
    fit,
    margins_of_held_out,
    normalize,
    platt,
)
from hanhua.zh_text.folding import fold, folded_codes

NAMER_BITS = 15
# A labeled text says more than a snippet of a file that is benign as a whole.
SNIPPET_IMPORTANCE = 0.1


@dataclass(frozen=True)
class LabelledText:
    """One text of the training files, and its category; None for harmless."""

    text: str
    category: str | None


@dataclass(frozen=True)
class Settings:
    """How to train.

    max_false_alarms: share of the harmless examples that may be rejected; None: no limit. disguised_copies: learn
    also from each text as spam would disguise it.
    """

    column_bits: int = 18
    max_false_alarms: float | None = 0.01
    disguised_copies: bool = False


def train_classifier(
    examples: Sequence[LabelledText],
    benign: Mapping[str, Sequence[str]],
    *,
    facts: Mapping[str, Any],
    settings: Settings | None = None,
) -> HarmClassifier:
    """Train, calibrate, and set the thresholds, for the classifier alone and together with the lexicon.

    benign: documents by file; of each file one half (by hash) is learned from, the other sets the thresholds.
    Deterministic. Raises InputError for examples of one kind only, MissingExtra without scikit-learn.
    """
    settings = settings or Settings()
    examples = [one for one in examples if len(folded_codes(one.text)) >= MIN_CHARACTERS]
    texts = [_example(one.text, settings) for one in examples]
    labels = [one.category for one in examples]
    categories = tuple(sorted({label for label in labels if label is not None}))
    truth = np.array([label is not None for label in labels], dtype=np.int64)
    counts = _check(truth)
    learned, measured = halves(benign)
    extra = [Example(codes, SNIPPET_IMPORTANCE) for part in learned.values() for codes in learned_snippets(part)]

    def fit_some(some: Sequence[Example], labels: Labels) -> HarmClassifier:
        labels = np.append(labels, np.zeros(len(extra), dtype=np.int64))
        fitted = fit([*some, *extra], labels, column_bits=settings.column_bits, what="train-harm")
        return HarmClassifier(categories, *fitted, Calibration(1.0, 0.0, 0.0, 0.0), None, {})

    margins = margins_of_held_out(texts, truth, lambda some, labels: fit_some(some, labels).margin)
    slope, offset = platt(margins, truth)
    namer = _fit_namer(texts, labels, categories) if len(categories) > 1 else None
    model = replace(fit_some(texts, truth), calibration=Calibration(slope, offset, 0.0, 0.0), namer=namer)

    alone, figures_alone = _threshold(model, examples, margins, measured, settings, lambda text: 0.0)
    beside, figures_beside = _threshold(model, examples, margins, measured, settings, _added_by_lexicon())
    figures = {
        "examples": {"harmful": counts[1], "harmless": counts[0], "benign_snippets": len(extra)},
        "macro_f1_of_held_out_folds": round(macro_f1(margins >= -offset / slope, truth == 1), 4),
        "alone": figures_alone,
        "beside_lexicon": figures_beside,
    }
    return replace(model, calibration=Calibration(slope, offset, alone, beside), facts={**facts, **figures})


def evaluate_classifier(model: HarmClassifier, examples: Sequence[LabelledText]) -> dict[str, float]:
    """Return macro-F1 of harmful against harmless at probability .5, and recall and false alarms at the threshold."""
    margins = np.array([model.margin(folded_codes(example.text)) for example in examples])
    truth = np.array([example.category is not None for example in examples], dtype=np.int64)
    calibration = model.calibration
    likely = margins >= -calibration.offset / calibration.slope
    return {"macro_f1": round(macro_f1(likely, truth == 1), 4), **_rates(margins, truth, calibration.threshold)}


def macro_f1(predicted: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    """Return the mean F1 of the two classes.

    >>> macro_f1(np.array([True, False]), np.array([True, False]))
    1.0
    """
    scores = []
    for here, there in ((predicted, truth), (~predicted, ~truth)):
        scores.append(2 * int((here & there).sum()) / max(int(here.sum() + there.sum()), 1))
    return sum(scores) / 2


def _example(text: str, settings: Settings) -> Example:
    copies = learned_copies(text) if settings.disguised_copies else ()
    return Example(folded_codes(text), copies=tuple(map(folded_codes, copies)))


def _check(truth: Labels) -> tuple[int, int]:
    counts = np.bincount(truth, minlength=2)
    if counts.min() < FOLDS:
        raise InputError(
            f"{counts[1]:,} harmful and {counts[0]:,} harmless texts of at least {MIN_CHARACTERS} characters, but "
            f"{FOLDS} of each are needed: check --label-field, --harmful-label and --category"
        )
    return int(counts[0]), int(counts[1])


def _fit_namer(texts: Sequence[Example], labels: Sequence[str | None], categories: tuple[str, ...]) -> Namer:
    from sklearn.svm import LinearSVC

    harmful = [i for i, label in enumerate(labels) if label is not None]
    pieces, owners = cut_pieces([texts[i] for i in harmful])
    y = np.array([categories.index(str(labels[i])) for i in harmful])[owners]
    counts = count_columns(pieces, NAMER_BITS)
    normalize(counts, np.ones(1 << NAMER_BITS, dtype=np.float32))
    rows, intercepts = [], []
    for number in range(len(categories)):
        svm = LinearSVC(C=COST, dual=True, max_iter=5000, random_state=SEED, class_weight="balanced")
        svm.fit(counts, y == number)
        rows.append(svm.coef_[0])
        intercepts.append(svm.intercept_[0])
    weights = np.stack(rows).astype(np.float16).astype(np.float32)
    return Namer(weights, np.array(intercepts, dtype=np.float32))


def _added_by_lexicon() -> Callable[[str], float]:
    lexicon = LexiconScorer()

    def added(text: str) -> float:
        folded = fold(text)
        return added_by(lexicon.examine(folded, text), len(folded.text))

    return added


def _threshold(
    model: HarmClassifier,
    examples: Sequence[LabelledText],
    margins: Margins,
    benign: Mapping[str, Sequence[str]],
    settings: Settings,
    added: Callable[[str], float],
) -> tuple[float, dict[str, Any]]:
    """Return the margin from which texts are rejected, when `added` is added to each, and what that rejects."""
    truth = np.array([one.category is not None for one in examples], dtype=np.int64)
    margins = margins + np.array([added(one.text) for one in examples])
    files = {name: measure(model, texts, added) for name, texts in benign.items()}
    asked = [-model.calibration.offset / model.calibration.slope, *map(asked_for, pooled(list(files.values())))]
    if settings.max_false_alarms is not None:
        harmless = np.sort(margins[truth == 0])
        asked.append(float(harmless[len(harmless) - 1 - int(settings.max_false_alarms * len(harmless))]) + 1e-6)
    rates = {name: benign_rates(one, max(asked)) for name, one in files.items()}
    return max(asked), {"held_out_folds": _rates(margins, truth, max(asked)), "benign": rates}


def _rates(margins: Margins, truth: Labels, threshold: float) -> dict[str, float]:
    harmful, rejected = truth == 1, margins >= threshold
    return {
        "recall_at_threshold": round(float(rejected[harmful].mean()), 4) if harmful.any() else 0.0,
        "false_alarms_at_threshold": round(float(rejected[~harmful].mean()), 4) if (~harmful).any() else 0.0,
    }
