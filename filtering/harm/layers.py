"""The harmful-content scorer made of its layers: lexicon, classifiers, and a guard model for what they leave unsure.

Each layer's score is .5 where that layer alone would reject. What the lexicon found is added to a classifier's margin
(`combination`). The text's score is the largest, its category that layer's. A guard, where there is one, is asked about
texts in the band around .5, and what it says stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np

from hanhua.filtering.config import HarmConfig
from hanhua.filtering.document import Draft, Drafts
from hanhua.filtering.harm.classifier import MIN_CHARACTERS, Calibration, HarmClassifier, read_windows
from hanhua.filtering.harm.classifier_files import load_classifier
from hanhua.filtering.harm.combination import added_by
from hanhua.filtering.harm.guard import Guard, build_guard
from hanhua.filtering.harm.lexicon import load_lexicon
from hanhua.filtering.harm.scorer import Examined, LexiconScorer
from hanhua.filtering.joined import JoinedFolds
from hanhua.filtering.linear.features import WINDOW_CHARACTERS
from hanhua.filtering.linear.margins import Weights
from hanhua.filtering.linear.reader import Reader
from hanhua.filtering.linear.windows import Margins, Plan, density_margin, plan_windows
from hanhua.filtering.pages.whole import PageModel
from hanhua.services import HarmScore
from hanhua.zh_text.folding import Codes

ALGORITHM = "layers-3"
SHIPPED = ("general", "hate")
NAMES_CATEGORY = 0.4
"""A lexicon score from which its category is the text's: its words are those of one category, n-grams are of all."""
MIN_DISTINCT = 5
"""Different characters a text must have to be classified: a word or two, often repeated, are left to the lexicon."""
FEW_DISTINCT, FEW_HANDICAP = 12, 0.3
"""With fewer different characters a text must be this much further beyond the threshold, which was chosen on longer
ones: of benign sentences of 5 to 11, .7% of modern prose are beyond it without, .15% with
(`benchmarks/filtering_kinds.py`)."""
MAX_SAID_AGAIN = 2
"""How often, on average, a text of few different characters may have each: one term three times is no more than one."""
# Passages this far below the threshold are shown too, where the text as a whole is above it.
_SHOWN_BELOW = 0.15
_NOTHING = HarmScore(None, 0.0)


class LayeredScorer:
    """Scores texts with the layers given; a HarmScorer."""

    def __init__(
        self,
        lexicon: LexiconScorer | None,
        classifiers: Sequence[HarmClassifier] = (),
        guard: Guard | None = None,
        beside: Sequence[tuple[Weights, float]] = (),
    ) -> None:
        """beside: weights and intercepts of other models that read the same windows; they say nothing of harm."""
        self._lexicon, self._classifiers, self._guard = lexicon, tuple(classifiers), guard
        models = [*((one.weights, one.intercept) for one in classifiers), *beside]
        self._reader = Reader(models) if models else None

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that decides a score: words, weights, guard."""
        layers = (self._lexicon, *self._classifiers, self._guard)
        parts = [one.fingerprint for one in layers if one is not None]
        return hashlib.sha256(" ".join([ALGORITHM, *parts]).encode()).hexdigest()

    def score(self, text: str) -> HarmScore:
        """Return category, score and the evidence's spans in the text as given.

        >>> build_harm_scorer().score("信誉菠菜平台首充送，加➕薇信abc123领彩金").category
        'gambling'
        """
        return self.score_draft(Draft(text))

    def score_draft(self, draft: Draft) -> HarmScore:
        """Score a draft: by the layers together with those around it; the guard is asked about it alone."""
        found = draft.view(self._scores)
        if self._guard is not None and self._guard.min_score <= found.score < self._guard.max_score:
            return self._guard.judge(draft.text, found)
        return found

    def _scores(self, drafts: Drafts) -> list[HarmScore]:
        """Return what lexicon and classifiers make of each text; a view."""
        nothing = [Examined(_NOTHING, [])] * len(drafts)
        examined = drafts.view(self._lexicon.examine_each) if self._lexicon else nothing
        scores = [one.score for one in examined]
        if self._classifiers:
            for n, (plan, margins) in drafts.view(self.read_windows).items():
                text = _Read(drafts.folds, n, plan, examined[n])
                scores[n] = self._best(scores[n], margins[: len(self._classifiers)], text)
        return scores

    def read_windows(self, drafts: Drafts) -> dict[int, tuple[Plan, Margins]]:
        """Return which windows were read of each text that is classified, by its number, and their margins [K, W].

        K: the classifiers, then what was given beside them. A view.
        """
        if self._reader is None:
            return {}
        folds = drafts.folds
        hits = [one.hits for one in drafts.view(self._lexicon.examine_each)] if self._lexicon else [[]] * len(drafts)
        long = [end - begin > WINDOW_CHARACTERS for begin, end in folds.bounds]
        read = [n for n in range(len(drafts)) if long[n] or _is_classified(folds.of(n))]
        places = [(begin, end - begin) for begin, end in map(folds.bounds.__getitem__, read)]
        plans = [plan_windows(length, hits[n]) for n, (_, length) in zip(read, places, strict=True)]
        windows = [(*place, plan) for place, plan in zip(places, plans, strict=True)]
        return dict(zip(read, zip(plans, self._reader.read(folds.codes, windows), strict=True), strict=True))

    def _best(self, best: HarmScore, margins: Margins, text: _Read) -> HarmScore:
        """Return the largest score, the first of equal ones. margins: a row for each classifier."""
        few = FEW_HANDICAP if text.length <= WINDOW_CHARACTERS and _has_few(text.codes) else 0.0
        highest = best.score
        for classifier, of_windows in zip(self._classifiers, margins, strict=True):
            score = self._score(classifier.calibration, density_margin(of_windows, text.plan) - few, text)
            if score > highest:
                highest = score
                if score >= 0.5:
                    best = self._named(classifier, score, of_windows, text)
        # Most texts end here: no names, no spans.
        return best if best.score == highest else HarmScore(best.category, highest, best.spans)

    def _score(self, calibration: Calibration, margin: float, text: _Read) -> float:
        if self._lexicon is None:
            return calibration.score(margin)
        return calibration.score_beside_lexicon(margin + added_by(text.examined, text.length))

    def _named(self, classifier: HarmClassifier, score: float, margins: Margins, text: _Read) -> HarmScore:
        """Return a classifier's score of a harmful text with its category and the passages that it goes by."""
        lexical, reading = text.examined.score, read_windows(text.codes, text.plan)
        assert reading is not None
        sure = lexical.category is not None and lexical.score >= NAMES_CATEGORY
        category = lexical.category if sure else classifier.name(reading, margins)
        if lexical.spans:
            return HarmScore(category, score, lexical.spans)
        least = min(classifier.calibration.threshold - _SHOWN_BELOW, float(np.max(margins)))
        return HarmScore(category, score, classifier.spans(text.folds.folded(text.number), reading, margins, least))


@dataclass(frozen=True)
class _Read:
    """A text of which windows were read, and what the lexicon found in it."""

    folds: JoinedFolds
    number: int
    plan: Plan
    examined: Examined

    @property
    def length(self) -> int:
        begin, end = self.folds.bounds[self.number]
        return end - begin

    @property
    def codes(self) -> Codes:
        return self.folds.of(self.number)


def _is_classified(codes: Codes) -> bool:
    """Return whether a text has enough different characters to be classified, and is no term said again and again."""
    if len(codes) < MIN_CHARACTERS:
        return False
    if not _has_few(codes):
        return True
    distinct = _distinct(codes)
    return distinct >= MIN_DISTINCT and len(codes) <= MAX_SAID_AGAIN * distinct


def _has_few(codes: Codes) -> bool:
    return len(codes) <= WINDOW_CHARACTERS and _distinct(codes) < FEW_DISTINCT


def _distinct(codes: Codes) -> int:
    return len(set(codes.tolist()))


def build_harm_scorer(config: HarmConfig | None = None) -> LayeredScorer:
    """Return the scorer of a configuration, by default with the shipped lexicon and classifiers.

    Made once per process and configuration. Raises InputError for a classifier or guard that cannot be read.
    """
    return _build(config or HarmConfig(), None)


def build_harm_scorer_beside(config: HarmConfig, other: PageModel) -> LayeredScorer:
    """Return the same with the n-grams of a model of pages, read in one go with the classifiers'; the last margin."""
    return _build(config, other)


@cache
def _build(config: HarmConfig, other: PageModel | None) -> LayeredScorer:
    beside = [] if other is None else [(other.ngrams, 0.0)]
    if other is not None and not config.enabled:
        return LayeredScorer(None, beside=beside)
    lexicon = LexiconScorer(load_lexicon(config.lexicon_files)) if config.lexicon else None
    folders = [*(shipped_classifier(name) for name in SHIPPED if config.classifier), *map(Path, config.classifiers)]
    guard = build_guard(config.guard) if config.guard is not None else None
    return LayeredScorer(lexicon, [load_classifier(folder) for folder in folders], guard, beside)


def shipped_classifier(name: str) -> Path:
    """Return the folder of a classifier that comes with the package: `general` or `hate`."""
    return Path(str(files("hanhua.filtering.harm").joinpath("weights").joinpath(name)))
