"""Texts with nothing in them."""

from __future__ import annotations

from hanhua.filtering.document import KEEP, Draft, Verdict, reject


def empty(draft: Draft) -> Verdict:
    """Reject a text without any visible character."""
    return KEEP if draft.text.strip() else reject("empty")
