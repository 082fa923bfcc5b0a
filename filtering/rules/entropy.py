"""Texts made of so few characters that they tell next to nothing."""

from __future__ import annotations

import numpy as np

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.draft import KEEP, Draft, Verdict, reject

HEAD = 4096
"""Characters looked at; entropy grows with length, and hardly beyond that."""


def entropy(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject by the entropy of the characters, in bits: prose of 200 characters has 6 to 7, a refrain of eight 3."""
    if limits.min_entropy_bits is None:
        return KEEP
    bits = draft.measure("entropy", character_entropy_bits(draft))
    return reject("entropy", bits) if bits < limits.min_entropy_bits else KEEP


def character_entropy_bits(draft: Draft) -> float:
    """Return the entropy of the folded text's characters; marks and spaces do not count."""
    # Sorted, not counted into a table of all characters, which would take longer than a short text itself.
    codes = np.sort(draft.folded_codes[:HEAD])
    if not len(codes):
        return 0.0
    ends = np.append(np.flatnonzero(codes[1:] != codes[:-1]) + 1, len(codes))
    shares = np.diff(ends, prepend=0) / len(codes)
    return float(-(shares * np.log2(shares)).sum())
