"""Classifiers out of labels: of harmful text, of junk, and the settings with which the filter uses them.

The threshold of either is chosen on labels that its classifier has not seen, weighted as `reached` says. A harmful text
is junk too for the quality model, as it is nothing one would train on; junk is no harmful text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hanhua.filtering.config import CATEGORIES
from hanhua.filtering.document import Drafts
from hanhua.filtering.harm.classifier import MIN_CHARACTERS, Calibration, HarmClassifier
from hanhua.filtering.harm.classifier_files import save_classifier
from hanhua.filtering.harm.combination import added_by
from hanhua.filtering.harm.scorer import LexiconScorer
from hanhua.filtering.harm.training import LabelledText, Settings, train_classifier
from hanhua.filtering.labeling.drawing import COLUMN_BITS, evenly_cut
from hanhua.filtering.labeling.label_file import HARMLESS, KEEP
from hanhua.filtering.labeling.reached import MIN_OF_EACH, Reached, Values, reached, spread_weights, threshold_for
from hanhua.filtering.linear.fitting import FOLDS, SEED, Example, Labels, fit, margins_of_held_out
from hanhua.filtering.quality_model.model import QualityModel, save_quality_model
from hanhua.filtering.quality_model.structure import Layout, fit_layout, held_out_logits, layouts
from hanhua.filtering.quality_model.training import LEARNED_CHARACTERS, train_quality_model
from hanhua.zh_text.folding import Codes, fold

Target = Literal["harm", "quality"]
TARGETS: tuple[Target, ...] = ("harm", "quality")
GROUP = 30
"""Texts whose layout is computed in one go."""
Margin = Callable[[Codes], float]


@dataclass(frozen=True)
class Unjudged:
    """A candidate without a label, and its folded code points."""

    text: str
    codes: Codes


@dataclass(frozen=True)
class Judged:
    """A text with its folded code points and the label it got."""

    text: str
    codes: Codes
    label: str

    def teaches(self, target: Target) -> bool:
        """Whether a classifier of this kind can learn from it."""
        return len(self.codes) >= MIN_CHARACTERS and (target == "harm" or self.label != HARMLESS)

    def unwanted(self, target: Target) -> bool:
        """Whether a classifier of this kind is to reject it."""
        return self.label in CATEGORIES if target == "harm" else self.label != KEEP


@dataclass(frozen=True)
class Learned:
    """A classifier made of the labels, what it reaches, and where it was written."""

    target: Target
    reached: Reached
    folder: Path

    def as_json(self) -> dict[str, Any]:
        """Return the figures as plain data."""
        return {"target": self.target, **asdict(self.reached), "pays": self.reached.pays}


@dataclass(frozen=True)
class Estimate:
    """What labels reach, with what that was told by: of each label its margin and its weight.

    layout: of a quality model, whose margins are its logits, the other way round.
    """

    reached: Reached
    judged: tuple[Judged, ...]
    margins: Values
    weights: Values
    layout: Layout | None


def estimate(
    target: Target, judged: Sequence[Judged], others: Sequence[Unjudged], *, max_false_alarms: float
) -> Estimate | None:
    """Return what a classifier of these labels would reach; None for too few labels.

    others: the candidates that are not labeled.
    """
    judged = tuple(one for one in judged if one.teaches(target))
    unwanted = np.array([one.unwanted(target) for one in judged], dtype=bool)
    if min(unwanted.sum(), (~unwanted).sum()) < MIN_OF_EACH:
        return None
    examples, truth = [Example(one.codes) for one in judged], unwanted.astype(np.int64)
    margins = margins_of_held_out(examples, truth, lambda some, y: _fit(target, some, y))
    of_half = margins_of_held_out(examples, truth, lambda some, y: _fit(target, *_half(some, y)))
    margin = _fit(target, examples, truth)
    of_all = np.array([margin(other.codes) for other in others])
    layout = None
    if target == "quality":
        features = _layouts(judged)
        layout = fit_layout(-margins, features, ~unwanted)
        of_all = np.array([-layout.logit(-m, row) for m, row in zip(of_all.tolist(), _layouts(others), strict=True)])
        margins, of_half = (-held_out_logits(-m, features, ~unwanted, folds=FOLDS) for m in (margins, of_half))
    found = reached(margins, unwanted, of_all, max_false_alarms=max_false_alarms, margins_of_half=of_half)
    return None if found is None else Estimate(found, judged, margins, spread_weights(margins, of_all), layout)


def learn(
    target: Target,
    judged: Sequence[Judged],
    others: Sequence[Unjudged],
    out: Path,
    *,
    max_false_alarms: float,
    facts: Mapping[str, Any],
) -> Learned | None:
    """Train a classifier, choose its threshold, and write it to a folder; None where there are too few labels.

    An earlier one in the folder is replaced. Deterministic. Raises InputError where labels say nothing of the texts.
    """
    found = estimate(target, judged, others, max_false_alarms=max_false_alarms)
    if found is None:
        return None
    facts = {**facts, "labels": len(judged), "reached": asdict(found.reached)}
    if target == "harm":
        save_classifier(_harm_classifier(found, facts), out)
    else:
        save_quality_model(_quality_model(found, facts), out)
    return Learned(target, found.reached, out)


def filter_settings(learned: Sequence[Learned]) -> dict[str, Any]:
    """Return the keys of a recipe's `filtering:` section with which the filter uses what was learned."""
    settings: dict[str, Any] = {}
    for one in learned:
        folder = str(one.folder.resolve())
        settings[one.target] = {"classifiers": [folder]} if one.target == "harm" else {"model": folder}
    return settings


def _layouts(texts: Sequence[Judged] | Sequence[Unjudged]) -> list[Values]:
    drafts = (Drafts([one.text for one in texts[at : at + GROUP]], ["zh"] * len(texts[at : at + GROUP]))
              for at in range(0, len(texts), GROUP))  # fmt: skip
    return [row for some in drafts for row in some.view(layouts)]


def _fit(target: Target, examples: Sequence[Example], truth: Labels) -> Margin:
    """Return the margin, high for unwanted texts, of a classifier of the kind that the filter will use."""
    if truth.min() == truth.max():
        return lambda codes: 0.0
    if target == "quality":
        examples = [Example(evenly_cut(one.codes, LEARNED_CHARACTERS)) for one in examples]
        good = np.bincount(truth, minlength=2)
        shares = len(truth) / (2 * good)
        examples = [replace(one, importance=shares[y]) for one, y in zip(examples, truth.tolist(), strict=True)]
        model = QualityModel(*_weights(examples, 1 - truth), 1.0, 0.0, {})
        return lambda codes: -model.margin(codes) if len(codes) else 0.0
    classifier = HarmClassifier(("harm",), *_weights(examples, truth), Calibration(1.0, 0.0, 0.0, 0.0), None, {})
    return classifier.margin


def _weights(examples: Sequence[Example], truth: Labels) -> tuple[Any, float]:
    return fit(examples, truth, column_bits=COLUMN_BITS, what="hanhua filter label")


def _half(some: Sequence[Example], truth: Labels) -> tuple[list[Example], Labels]:
    """Return half of the examples of each kind, by chance."""
    order = np.random.default_rng(SEED).permutation(len(some))
    kept = np.sort(np.concatenate([order[truth[order] == kind][::2] for kind in (0, 1)]))
    return [some[i] for i in kept.tolist()], truth[kept]


def _harm_classifier(found: Estimate, facts: Mapping[str, Any]) -> HarmClassifier:
    """Return a classifier whose thresholds, alone and beside the lexicon, let through the allowed false alarms."""
    at = found.reached
    texts = [LabelledText(one.text, one.label if one.unwanted("harm") else None) for one in found.judged]
    settings = Settings(column_bits=COLUMN_BITS, max_false_alarms=None)
    model = train_classifier(texts, {}, facts=facts, settings=settings)
    lexicon = LexiconScorer()
    added = []
    for one in found.judged:
        folded = fold(one.text)
        added.append(added_by(lexicon.examine(folded, one.text), len(folded.text)))
    unwanted = np.array([one.unwanted("harm") for one in found.judged])
    beside = threshold_for(found.margins + np.array(added), unwanted, found.weights, at.max_false_alarms)
    return replace(model, calibration=replace(model.calibration, threshold=at.threshold, beside_lexicon=beside))


def _quality_model(found: Estimate, facts: Mapping[str, Any]) -> QualityModel:
    """Return a model that gives .5, the filter's default limit, to texts at the threshold."""
    good = [one.text for one in found.judged if not one.unwanted("quality")]
    bad = [one.text for one in found.judged if one.unwanted("quality")]
    model = train_quality_model(good, bad, facts=facts, column_bits=COLUMN_BITS)
    layout, threshold = found.layout, found.reached.threshold
    assert layout is not None  # a quality model's estimate has one
    return replace(model, layout=replace(layout, intercept=layout.intercept + threshold))
