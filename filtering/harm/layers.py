"""The harmful-content scorer made of its layers: lexicon, classifiers, and a guard model for what they leave unsure.

Each layer's score is .5 where that layer alone would reject. What the lexicon found is added to a classifier's margin
(`combination`). The text's score is the largest, its category that layer's. A guard, where there is one, is asked about
texts in the band around .5, and what it says stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np

from hanhua.filtering.config import HarmConfig
from hanhua.filtering.harm.classifier import HarmClassifier, Reading, read_windows
from hanhua.filtering.harm.classifier_files import load_classifier
from hanhua.filtering.harm.combination import added_by
from hanhua.filtering.harm.guard import Guard, build_guard
from hanhua.filtering.harm.lexicon import load_lexicon
from hanhua.filtering.harm.scorer import Examined, LexiconScorer
from hanhua.filtering.linear.features import WINDOW_CHARACTERS
from hanhua.filtering.linear.windows import density_margin, plan_windows
from hanhua.services import HarmScore
from hanhua.zh_text.folding import Codes, Folded, code_points, fold

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
    ) -> None:
        self._lexicon, self._classifiers, self._guard = lexicon, tuple(classifiers), guard

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
        return self.score_folded(fold(text), text)

    def score_folded(self, folded: Folded, text: str, codes: Codes | None = None) -> HarmScore:
        """Score a text whose folded view is at hand; codes: the folded view's code points, where they are too."""
        examined = self._lexicon.examine(folded, text) if self._lexicon else Examined(_NOTHING, [])
        found = self._classified(folded, examined, codes)
        if self._guard is not None and self._guard.min_score <= found.score < self._guard.max_score:
            return self._guard.judge(text, found)
        return found

    def _classified(self, folded: Folded, examined: Examined, codes: Codes | None) -> HarmScore:
        codes = code_points(folded.text) if codes is None else codes
        distinct = len(set(folded.text)) if len(codes) <= WINDOW_CHARACTERS else FEW_DISTINCT
        said_again = distinct < FEW_DISTINCT and len(codes) > MAX_SAID_AGAIN * distinct
        judged = self._classifiers and distinct >= MIN_DISTINCT and not said_again
        reading = read_windows(codes, plan_windows(len(codes), examined.hits)) if judged else None
        if reading is None:
            return examined.score
        scores = [
            examined.score,
            *(self._of(one, folded, reading, examined, few=distinct < FEW_DISTINCT) for one in self._classifiers),
        ]
        return max(scores, key=lambda found: found.score)

    def _of(
        self, classifier: HarmClassifier, folded: Folded, reading: Reading, examined: Examined, *, few: bool
    ) -> HarmScore:
        lexical = examined.score
        margins = classifier.window_margins(reading)
        margin = density_margin(margins, reading.plan) - (FEW_HANDICAP if few else 0.0)
        if self._lexicon is None:
            score = classifier.calibration.score(margin)
        else:
            score = classifier.calibration.score_beside_lexicon(margin + added_by(examined, len(folded.text)))
        if score < 0.5:
            # Most texts end here: no names, no spans.
            return HarmScore(lexical.category, score, lexical.spans)
        sure = lexical.category is not None and lexical.score >= NAMES_CATEGORY
        category = lexical.category if sure else classifier.name(reading, margins)
        if lexical.spans:
            return HarmScore(category, score, lexical.spans)
        least = min(classifier.calibration.threshold - _SHOWN_BELOW, float(np.max(margins)))
        return HarmScore(category, score, classifier.spans(folded, reading, margins, least))


def build_harm_scorer(config: HarmConfig | None = None) -> LayeredScorer:
    """Return the scorer of a configuration, by default with the shipped lexicon and classifiers.

    Made once per process and configuration. Raises InputError for a classifier or guard that cannot be read.
    """
    return _build(config or HarmConfig())


@cache
def _build(config: HarmConfig) -> LayeredScorer:
    lexicon = LexiconScorer(load_lexicon(config.lexicon_files)) if config.lexicon else None
    folders = [*(shipped_classifier(name) for name in SHIPPED if config.classifier), *map(Path, config.classifiers)]
    guard = build_guard(config.guard) if config.guard is not None else None
    return LayeredScorer(lexicon, [load_classifier(folder) for folder in folders], guard)


def shipped_classifier(name: str) -> Path:
    """Return the folder of a classifier that comes with the package: `general` or `hate`."""
    return Path(str(files("hanhua.filtering.harm").joinpath("weights").joinpath(name)))
