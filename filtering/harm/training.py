"""Trains the linear classifier: an SVM on n-grams weighted by how one-sided they are (NBSVM), with scikit-learn.

Wang and Manning 2012, "Baselines and Bigrams" (NBSVM), section 2.3: each column is scaled by its log-count ratio,
mixed half and half with 1; the scales end up in the weights. On COLD it is worth .8 points of macro-F1 over the same
SVM without, idf costs some. Margins are calibrated on held-out folds (Platt), and the threshold is the highest that
the harmless examples (held out) or any file of benign text asks for, short and long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError, MissingExtra
from hanhua.filtering.harm.benign import asked_for, benign_rates, halves, learned_snippets, measure, pooled
from hanhua.filtering.harm.classifier import MIN_CHARACTERS, Calibration, HarmClassifier, Namer, Weights
from hanhua.filtering.harm.combination import added_by
from hanhua.filtering.harm.disguised_copies import learned_copies
from hanhua.filtering.harm.features import MAX_COLUMN_BITS, cut_windows, window_columns, window_starts
from hanhua.filtering.harm.scorer import LexiconScorer
from hanhua.zh_text.folding import Codes, code_points, fold

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Labels = npt.NDArray[np.int64]
Margins = npt.NDArray[np.float64]

COST = 1.0
RATIO_SHARE = 0.5
FOLDS = 5
NAMER_BITS = 15
# A labelled text says more than a snippet of a file that is benign as a whole.
SNIPPET_IMPORTANCE = 0.1
_SEED = 1


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


@dataclass(frozen=True)
class _Example:
    codes: Codes
    importance: float = 1.0
    copies: tuple[Codes, ...] = ()


def train_classifier(
    examples: Sequence[LabelledText],
    benign: Mapping[str, Sequence[str]],
    *,
    facts: Mapping[str, Any],
    settings: Settings | None = None,
) -> HarmClassifier:
    """Train, calibrate, and set the thresholds, for the classifier alone and beside the lexicon.

    benign: documents by file; of each file one half (by hash) is learned from, the other sets the thresholds.
    Deterministic. Raises InputError for examples of one kind only, MissingExtra without scikit-learn.
    """
    settings = settings or Settings()
    examples = [one for one in examples if len(_folded(one.text)) >= MIN_CHARACTERS]
    texts = [_example(one.text, settings) for one in examples]
    labels = [one.category for one in examples]
    categories = tuple(sorted({label for label in labels if label is not None}))
    truth = np.array([label is not None for label in labels], dtype=np.int64)
    counts = _check(truth)
    learned, measured = halves(benign)
    extra = [_Example(codes, SNIPPET_IMPORTANCE) for part in learned.values() for codes in learned_snippets(part)]
    slope, offset, margins = _calibrate(texts, truth, extra, settings)
    weights, intercept = _fit(texts, truth, extra, settings)
    namer = _fit_namer(texts, labels, categories) if len(categories) > 1 else None
    model = HarmClassifier(categories, weights, intercept, Calibration(slope, offset, 0.0, 0.0), namer, {})

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
    margins = np.array([model.margin(_folded(example.text)) for example in examples])
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


def _example(text: str, settings: Settings) -> _Example:
    copies = learned_copies(text) if settings.disguised_copies else ()
    return _Example(_folded(text), copies=tuple(map(_folded, copies)))


def _folded(text: str) -> Codes:
    return code_points(fold(text).text)


def _check(truth: Labels) -> tuple[int, int]:
    counts = np.bincount(truth, minlength=2)
    if counts.min() < FOLDS:
        raise InputError(
            f"{counts[1]:,} harmful and {counts[0]:,} harmless texts of at least {MIN_CHARACTERS} characters, where "
            f"{FOLDS} of each are needed: check --label-field, --harmful-label and --category"
        )
    return int(counts[0]), int(counts[1])


def _fit(
    texts: Sequence[_Example], truth: Labels, extra: Sequence[_Example], settings: Settings
) -> tuple[Weights, float]:
    """Return weights and intercept. The windows of a text and of its copies share one text's importance."""
    try:
        from sklearn.svm import LinearSVC
    except ImportError:
        raise MissingExtra("train-harm", "classifier") from None
    pieces, owners = _pieces([*texts, *extra])
    y = np.append(truth, np.zeros(len(extra), dtype=np.int64))[owners]
    importance = np.array([one.importance for one in (*texts, *extra)]) / np.bincount(owners)
    counts = _counts(pieces, settings.column_bits)
    scale = _one_sidedness(counts, y)
    _normalise(counts, scale)
    svm = LinearSVC(C=COST, dual=True, max_iter=5000, random_state=_SEED)
    svm.fit(counts, y, sample_weight=importance[owners])
    return (svm.coef_[0] * scale).astype(np.float16).astype(np.float32), float(svm.intercept_[0])


def _fit_namer(texts: Sequence[_Example], labels: Sequence[str | None], categories: tuple[str, ...]) -> Namer:
    from sklearn.svm import LinearSVC

    harmful = [i for i, label in enumerate(labels) if label is not None]
    pieces, owners = _pieces([texts[i] for i in harmful])
    y = np.array([categories.index(str(labels[i])) for i in harmful])[owners]
    counts = _counts(pieces, NAMER_BITS)
    _normalise(counts, np.ones(1 << NAMER_BITS, dtype=np.float32))
    rows, intercepts = [], []
    for number in range(len(categories)):
        svm = LinearSVC(C=COST, dual=True, max_iter=5000, random_state=_SEED, class_weight="balanced")
        svm.fit(counts, y == number)
        rows.append(svm.coef_[0])
        intercepts.append(svm.intercept_[0])
    weights = np.stack(rows).astype(np.float16).astype(np.float32)
    return Namer(weights, np.array(intercepts, dtype=np.float32))


def _pieces(examples: Sequence[_Example]) -> tuple[list[Codes], Labels]:
    """Return every window of the examples and their copies, and which example each is of."""
    pieces: list[Codes] = []
    owners: list[int] = []
    for number, one in enumerate(examples):
        for codes in (one.codes, *one.copies):
            windows = cut_windows(codes, window_starts(len(codes)))
            pieces += list(windows)
            owners += [number] * len(windows)
    return pieces, np.array(owners, dtype=np.int64)


def _counts(pieces: Sequence[Codes], bits: int) -> csr_matrix:
    from scipy.sparse import csr_matrix

    columns = [window_columns(piece[None])[0] >> (MAX_COLUMN_BITS - bits) for piece in pieces]
    ends = np.cumsum([0, *map(len, columns)])
    ones = np.ones(int(ends[-1]), dtype=np.float32)
    matrix = csr_matrix((ones, np.concatenate(columns).astype(np.int64), ends), shape=(len(pieces), 1 << bits))
    matrix.sum_duplicates()
    return matrix


def _normalise(counts: csr_matrix, scale: Weights) -> None:
    """Scale the columns, and divide each row by the root of its number of n-grams, as scoring does."""
    lengths = np.sqrt(np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1))
    counts.data = counts.data * scale[counts.indices] / np.repeat(lengths, np.diff(counts.indptr)).astype(np.float32)


def _one_sidedness(counts: csr_matrix, labels: Labels) -> Weights:
    """Return each column's scale: 1 mixed with the absolute log ratio of its shares in the two classes."""
    harmful = np.asarray(counts[labels == 1].sum(axis=0)).ravel() + 1.0
    harmless = np.asarray(counts[labels == 0].sum(axis=0)).ravel() + 1.0
    ratio = np.abs(np.log(harmful / harmful.sum()) - np.log(harmless / harmless.sum()))
    return np.asarray(1 - RATIO_SHARE + RATIO_SHARE * ratio, dtype=np.float32)


def _calibrate(
    texts: Sequence[_Example], truth: Labels, extra: Sequence[_Example], settings: Settings
) -> tuple[float, float, Margins]:
    """Return Platt's slope and offset, and every example's margin by a classifier that has not seen it."""
    margins = np.zeros(len(texts))
    fold_of = np.random.default_rng(_SEED).permutation(len(texts)) % FOLDS
    for number in range(FOLDS):
        inside = np.flatnonzero(fold_of != number)
        weights, intercept = _fit([texts[i] for i in inside.tolist()], truth[inside], extra, settings)
        model = HarmClassifier(("",), weights, intercept, Calibration(1.0, 0.0, 0.0, 0.0), None, {})
        for index in np.flatnonzero(fold_of == number).tolist():
            margins[index] = model.margin(texts[index].codes)
    from sklearn.linear_model import LogisticRegression

    platt = LogisticRegression(C=1e6).fit(margins[:, None], truth)
    slope, offset = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    if slope <= 0:
        raise InputError("nothing can be learned from these labels: held-out texts score no better than by chance")
    return slope, offset, margins


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
