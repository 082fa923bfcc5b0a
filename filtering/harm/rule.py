"""The harmful-content rule."""

from __future__ import annotations

from hanhua.filtering.config import HarmConfig
from hanhua.filtering.draft import KEEP, Draft, Verdict, reject
from hanhua.filtering.harm.scorer import LexiconScorer


def harm(draft: Draft, limits: HarmConfig, *, scorer: LexiconScorer) -> Verdict:
    """Reject Chinese documents that score at least `min_score` in one of the categories."""
    if not draft.chinese:
        return KEEP
    found = scorer.score_folded(draft.folded, draft.text)
    if found.category in limits.categories and found.score >= limits.min_score:
        return reject(f"harm.{found.category}", found.score)
    return KEEP
