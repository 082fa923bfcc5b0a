"""Pages that are left over or written to sell, by scores of their layout and words: `junk.thin`, `junk.listing` …"""

from __future__ import annotations

from hanhua.filtering.document import KEEP, Draft, Verdict, reject
from hanhua.filtering.pages.scores import PAGE_KINDS, page_scores
from hanhua.filtering.text_config import JunkConfig


def page_junk(draft: Draft, limits: JunkConfig) -> Verdict:
    """Reject Chinese pages whose score of a kind of junk is above its limit, naming the one with the highest score."""
    most = (limits.max_thin_score, limits.max_listing_score, limits.max_promotion_score)
    if not draft.chinese or most == (None, None, None):
        return KEEP
    highest = 0.0
    verdict = KEEP
    for kind, score, limit in zip(PAGE_KINDS, draft.view(page_scores), most, strict=True):
        if limit is None:
            continue
        draft.measure(f"junk.{kind}", score)
        if score > max(limit, highest):
            highest, verdict = score, reject(f"junk.{kind}", score)
    return verdict
