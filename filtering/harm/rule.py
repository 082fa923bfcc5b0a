"""The harmful-content rule."""

from __future__ import annotations

from hanhua.filtering.config import HarmConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject
from hanhua.filtering.harm.layers import LayeredScorer


def harm(draft: Draft, limits: HarmConfig, *, scorer: LayeredScorer) -> Verdict:
    """Reject Chinese documents that score at least `min_score` in one of the categories."""
    if not draft.chinese:
        return KEEP
    found = scorer.score_draft(draft)
    if found.score >= limits.min_score and found.category is not None and limits.rejects(found.category):
        return reject(f"harm.{found.category}", found.score)
    return KEEP
