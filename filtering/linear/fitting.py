"""Fits a linear SVM on n-grams weighted by how one-sided they are (NBSVM), with scikit-learn.

Wang and Manning 2012, "Baselines and Bigrams" (NBSVM), section 2.3: each column is scaled by its log-count ratio,
mixed half and half with 1; the scales end up in the weights. On COLD it is worth .8 points of macro-F1 over the same
SVM without, idf costs some.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError, MissingExtra
from hanhua.filtering.linear.features import MAX_COLUMN_BITS, cut_windows, window_columns, window_starts
from hanhua.filtering.linear.margins import Weights
from hanhua.zh_text.folding import Codes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Labels = npt.NDArray[np.int64]
Margins = npt.NDArray[np.float64]

COST = 1.0
RATIO_SHARE = 0.5
FOLDS = 5
SEED = 1


@dataclass(frozen=True)
class Example:
    """A folded text to learn from. copies: others that share its importance and its fold."""

    codes: Codes
    importance: float = 1.0
    copies: tuple[Codes, ...] = ()


def fit(examples: Sequence[Example], truth: Labels, *, column_bits: int, what: str) -> tuple[Weights, float]:
    """Return the weights [2^column_bits] and intercept of a linear SVM for `truth` (1 or 0 an example).

    The windows of a text and of its copies share the text's importance. what: the command that asks, for the error.
    Raises MissingExtra without scikit-learn.
    """
    try:
        from sklearn.svm import LinearSVC
    except ImportError:
        raise MissingExtra(what, "classifier") from None
    pieces, owners = cut_pieces(examples)
    y = truth[owners]
    importance = np.array([one.importance for one in examples]) / np.bincount(owners)
    counts = count_columns(pieces, column_bits)
    scale = _one_sidedness(counts, y)
    normalize(counts, scale)
    svm = LinearSVC(C=COST, dual=True, max_iter=5000, random_state=SEED)
    svm.fit(counts, y, sample_weight=importance[owners])
    return (svm.coef_[0] * scale).astype(np.float16).astype(np.float32), float(svm.intercept_[0])


def margins_of_held_out(
    examples: Sequence[Example],
    truth: Labels,
    fit_some: Callable[[Sequence[Example], Labels], Callable[[Codes], float]],
) -> Margins:
    """Return each example's margin by a classifier that has not seen it, in five folds told by a seed."""
    margins = np.zeros(len(examples))
    fold_of = np.random.default_rng(SEED).permutation(len(examples)) % FOLDS
    for number in range(FOLDS):
        inside = np.flatnonzero(fold_of != number)
        margin = fit_some([examples[i] for i in inside.tolist()], truth[inside])
        for index in np.flatnonzero(fold_of == number).tolist():
            margins[index] = margin(examples[index].codes)
    return margins


def platt(margins: Margins, truth: Labels, *, balanced: bool = False) -> tuple[float, float]:
    """Return slope and offset of the sigmoid that turns margins into probabilities.

    balanced: those of a world in which both kinds are equally frequent, whatever the examples are. Raises
    InputError where margins say nothing of the truth.
    """
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6, class_weight="balanced" if balanced else None).fit(margins[:, None], truth)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:
        raise InputError("nothing can be learned from these labels: held-out texts score no better than by chance")
    return slope, offset


def cut_pieces(examples: Sequence[Example]) -> tuple[list[Codes], Labels]:
    """Return every window of the examples and their copies, and which example each is of."""
    pieces: list[Codes] = []
    owners: list[int] = []
    for number, one in enumerate(examples):
        for codes in (one.codes, *one.copies):
            windows = cut_windows(codes, window_starts(len(codes)))
            pieces += list(windows)
            owners += [number] * len(windows)
    return pieces, np.array(owners, dtype=np.int64)


def count_columns(pieces: Sequence[Codes], bits: int) -> csr_matrix:
    """Return how often each column is in each piece."""
    from scipy.sparse import csr_matrix

    columns = [window_columns(piece[None])[0] >> (MAX_COLUMN_BITS - bits) for piece in pieces]
    ends = np.cumsum([0, *map(len, columns)])
    ones = np.ones(int(ends[-1]), dtype=np.float32)
    matrix = csr_matrix((ones, np.concatenate(columns).astype(np.int64), ends), shape=(len(pieces), 1 << bits))
    matrix.sum_duplicates()
    return matrix


def normalize(counts: csr_matrix, scale: Weights) -> None:
    """Scale the columns, and divide each row by the root of its number of n-grams, as scoring does."""
    lengths = np.sqrt(np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1))
    counts.data = counts.data * scale[counts.indices] / np.repeat(lengths, np.diff(counts.indptr)).astype(np.float32)


def _one_sidedness(counts: csr_matrix, labels: Labels) -> Weights:
    """Return each column's scale: 1 mixed with the absolute log ratio of its shares in the two classes."""
    here = np.asarray(counts[labels == 1].sum(axis=0)).ravel() + 1.0
    there = np.asarray(counts[labels == 0].sum(axis=0)).ravel() + 1.0
    ratio = np.abs(np.log(here / here.sum()) - np.log(there / there.sum()))
    return np.asarray(1 - RATIO_SHARE + RATIO_SHARE * ratio, dtype=np.float32)
