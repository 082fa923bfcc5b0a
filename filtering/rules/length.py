"""Texts too short to learn from, or longer than wanted."""

from __future__ import annotations

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject


def length(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject by the number of letters and digits: marks and spaces make no text longer."""
    size = draft.profile.letters + draft.profile.digits
    draft.measure("length", size)
    if limits.min_characters is not None and size < limits.min_characters:
        return reject("length.short", size)
    if limits.max_characters is not None and size > limits.max_characters:
        return reject("length.long", size)
    return KEEP
