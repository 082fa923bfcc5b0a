"""From the results of all runs to what they show: differences with intervals, placebos, crossing points. No torch.

The verdict holds no times, so that it is the same to the byte however often the comparison was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hanhua.artifacts.files import read_json
from hanhua.errors import InvariantError
from hanhua.experiments.evidence.arm_run import RESULT
from hanhua.experiments.evidence.intervals import (
    Difference,
    Floats,
    crossing,
    paired_difference,
    unpaired_difference,
)
from hanhua.experiments.evidence.jobs import NO_RATE, TWIN, Job, jobs_of
from hanhua.experiments.evidence.recipe import LANGUAGES, EvidenceRecipe, Language

SAME_BITS = 1e-9
"""Share of its bits by which a model that was not trained may differ: none but the order of a sum."""
Result = Mapping[str, Any]


def read_results(recipe: EvidenceRecipe, folder: Path, *, registered: str) -> dict[Job, Result]:
    """Return what every finished run found; InvariantError for one that was run under another preregistration."""
    found = {}
    for job in jobs_of(recipe):
        path = folder / "arms" / job.name / RESULT
        if path.is_file():
            found[job] = read_json(path)
            if found[job]["preregistration"] != registered:
                raise InvariantError(f"{path}: of another preregistration; move it out of this folder")
    return found


def judge(recipe: EvidenceRecipe, results: Mapping[Job, Result], *, registered: str) -> dict[str, Any]:
    """Return the verdict, as plain data; all runs must have finished."""
    failed = sorted({job.label for job, found in results.items() if "broke_off" in found})
    arms = {label: _of(results, label) for label in (*recipe.arms, TWIN, NO_RATE) if label not in failed}
    arms = {label: found for label, found in arms.items() if found}
    placebos = _placebos(recipe, arms) if recipe.placebos else {}
    void = recipe.placebos and not (placebos and all(one["no_difference"] for one in placebos.values()))
    reference = arms.get(recipe.reference)
    void = void or reference is None
    return {
        "preregistration": registered,
        "hypothesis": recipe.hypothesis,
        "reference": recipe.reference,
        "seeds": list(recipe.seeds),
        "void": void,
        "failed": failed,
        "placebos": placebos,
        "arms": {
            label: _arm(recipe, label, found, reference)
            for label, found in arms.items()
            if label not in (TWIN, NO_RATE) and reference is not None
        },
    }


def _of(results: Mapping[Job, Result], label: str) -> list[Result]:
    return [found for job, found in results.items() if job.label == label]


def bits_of(recipe: EvidenceRecipe, found: Sequence[Result], texts: Sequence[str], part: str = "documents") -> Floats:
    """Return the bits of the documents of some texts, by run: shape (seeds, documents)."""
    rows = [[one["bits"] for name in texts for one in result[part][name]] for result in found]
    return np.array(rows, dtype=np.float64)


def _bytes(found: Result, texts: Sequence[str]) -> Floats:
    return np.array([one["bytes"] for name in texts for one in found["documents"][name]], dtype=np.float64)


def _placebos(recipe: EvidenceRecipe, arms: Mapping[str, Sequence[Result]]) -> dict[str, Any]:
    """Return what the placebo arms show; nothing where one of them, or the reference, broke off."""
    if any(label not in arms for label in (TWIN, NO_RATE, recipe.reference)):
        return {}
    languages = [language for language in LANGUAGES if recipe.texts_of(language)]
    found: dict[str, Any] = {}
    untrained, worst = arms[NO_RATE], 0.0
    for language in languages:
        texts = recipe.texts_of(language)
        after, before = bits_of(recipe, untrained, texts), bits_of(recipe, untrained, texts, "before")
        worst = max(worst, float(np.abs(after / before - 1).max()))
    found["no rate"] = {"no_difference": worst <= SAME_BITS, "greatest_share": worst}
    level = 1 - 0.05 / len(languages)
    by_language = {}
    for language in languages:
        texts = recipe.texts_of(language)
        sides = (bits_of(recipe, arms[TWIN], texts), bits_of(recipe, arms[recipe.reference], texts))
        sizes = _bytes(untrained[0], texts)
        by_language[language] = unpaired_difference(*sides, sizes, resamples=recipe.resamples, level=level)
    same = all(one.low <= 0 <= one.high for one in by_language.values())
    shown = {language: _shown(one) for language, one in by_language.items()}
    found["twin"] = {"no_difference": same, "level": round(level, 6), "difference": shown}
    return found


def _arm(recipe: EvidenceRecipe, label: str, found: Sequence[Result], reference: Sequence[Result]) -> dict[str, Any]:
    languages: dict[str, Any] = {}
    for language in LANGUAGES:
        if texts := recipe.texts_of(language):
            languages[language] = _compared(recipe, found, reference, texts, recipe.margins.get(language))
            own = {name: _compared(recipe, found, reference, [name], None) for name in texts}
            languages[language]["texts"] = own
            languages[language]["crossing"] = _crossings(recipe, found, reference, language)
    return {
        "about": recipe.arms[label].about,
        "languages": languages,
        "truncated_prompts": _truncated(found),
        "generation": _generation(found),
        "training": {key: _mean([one["training"][key] for one in found]) for key in sorted(found[0]["training"])},
    }


def _compared(
    recipe: EvidenceRecipe,
    found: Sequence[Result],
    reference: Sequence[Result],
    texts: Sequence[str],
    margin: float | None,
) -> dict[str, Any]:
    sizes, own = _bytes(found[0], texts), bits_of(recipe, found, texts)
    difference = paired_difference(own, bits_of(recipe, reference, texts), sizes, resamples=recipe.resamples)
    shown = {"bits_per_byte": _rounded(own.mean(axis=0).sum() / sizes.sum()), "difference": _shown(difference)}
    return shown if margin is None else {**shown, "margin": margin, "verdict": said(difference, margin)}


def said(difference: Difference, margin: float) -> str:
    """Return what an interval says of a margin.

    >>> said(Difference(0.01, -0.01, 0.03, 0.02), 0.0)
    'undecided'
    """
    if difference.high <= margin:
        return "not worse"
    return "worse" if difference.low > margin else "undecided"


def _crossings(
    recipe: EvidenceRecipe, found: Sequence[Result], reference: Sequence[Result], language: Language
) -> dict[str, Any]:
    """Return from how many bytes and operations on an arm is no worse than the reference, by the means of the seeds."""
    shown = {}
    for axis in ("bytes", "flops"):
        ours, theirs = mean_curve(recipe, found, language, axis), mean_curve(recipe, reference, language, axis)
        low, high = max(ours[0][0], theirs[0][0]), min(ours[0][-1], theirs[0][-1])
        xs = np.unique(np.concatenate([ours[0], theirs[0], [low, high]]))
        xs = xs[(xs >= low) & (xs <= high)]
        # What an arm does before it trains may take more operations than all of the reference's training.
        at = crossing(xs, np.interp(xs, *ours), np.interp(xs, *theirs)) if len(xs) else None
        shown[axis] = None if at is None else _rounded(at)
    return shown


def mean_curve(recipe: EvidenceRecipe, found: Sequence[Result], language: Language, axis: str) -> tuple[Floats, Floats]:
    """Return the curve of an arm, of one length: places, and bits per byte as the mean over texts and seeds."""
    texts = recipe.texts_of(language)
    places = np.array([point[axis] for point in found[0]["curve"]], dtype=np.float64)
    curves = []
    for one in found:
        own = np.array([point[axis] for point in one["curve"]], dtype=np.float64)
        values = [float(np.mean([point["bits_per_byte"][name] for name in texts])) for point in one["curve"]]
        curves.append(np.interp(places, own, values))
    return places, np.asarray(np.mean(curves, axis=0))


def _truncated(found: Sequence[Result]) -> dict[str, Any] | None:
    """Return what a cut between two Han characters costs, and how many lie inside tokens; the spread over seeds."""
    if not found[0]["cuts"]:
        return None
    lost = np.array([[cut["bits_lost"] for cut in one["cuts"]] for one in found])
    inside = np.array([[cut["inside"] for cut in one["cuts"]] for one in found])
    means = lost.mean(axis=1)
    return {
        "cuts": lost.shape[1],
        "inside": _rounded(inside.mean()),
        "bits_lost": _rounded(means.mean()),
        "bits_lost_inside": _rounded(lost[inside].mean()) if inside.any() else None,
        "by_seed": [_rounded(one) for one in means],
    }


def _generation(found: Sequence[Result]) -> dict[str, float] | None:
    if not found[0]["generated"]:
        return None
    return {
        key: _mean([float(reply[key]) for one in found for reply in one["generated"]])
        for key in ("loops", "valid", "stopped")
    }


def _shown(difference: Difference) -> dict[str, Any]:
    return {
        "share": _rounded(difference.share),
        "interval": [_rounded(difference.low), _rounded(difference.high)],
        "bits_per_byte": _rounded(difference.absolute),
    }


def _mean(values: Sequence[float]) -> float:
    return _rounded(float(np.mean(values)))


def _rounded(value: Any) -> float:
    """Return a number with seven digits that count: more would only show in which order sums were made."""
    return float(f"{float(value):.7g}")
