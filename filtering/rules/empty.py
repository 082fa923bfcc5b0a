"""Texts with nothing in them."""

from __future__ import annotations

from hanhua.filtering.draft import KEEP, Draft, Verdict, reject


def empty(draft: Draft) -> Verdict:
    """Reject a text without any visible character."""
    return KEEP if draft.text.strip() else reject("empty")
