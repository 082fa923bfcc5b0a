"""Pages that are left over or written to sell, by their layout, words and n-grams: `junk.thin`, `junk.page` …"""

from __future__ import annotations

from hanhua.filtering.document import KEEP, Draft, Verdict, reject
from hanhua.filtering.pages.scores import PAGE_KINDS, PageScorer
from hanhua.filtering.text_config import JunkConfig

KINDS = (*PAGE_KINDS, "page")


def page_junk(draft: Draft, limits: JunkConfig, *, scorer: PageScorer) -> Verdict:
    """Reject Chinese pages whose score of a kind of junk, or as a whole, is above its limit.

    The kind with the highest score is named; `junk.page` only where no kind is above its limit.
    """
    most = page_limits(limits)
    if not draft.chinese or most == (None,) * len(KINDS):
        return KEEP
    highest, verdict = 0.0, KEEP
    for kind, score, limit in zip(KINDS, draft.view(scorer.scores), most, strict=True):
        if limit is None:
            continue
        draft.measure(f"junk.{kind}", score)
        if score > max(limit, highest) and (kind != "page" or verdict.keep):
            highest, verdict = score, reject(f"junk.{kind}", score)
    return verdict


def page_limits(limits: JunkConfig) -> tuple[float | None, ...]:
    """Return the limits of `KINDS`, in order."""
    return limits.max_thin_score, limits.max_listing_score, limits.max_promotion_score, limits.max_page_score
