"""Texts made of so few characters that they tell next to nothing."""

from __future__ import annotations

import numpy as np

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject

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
    codes = draft.folded_codes[:HEAD]
    if not len(codes):
        return 0.0
    # Numbers of 16 bits are sorted by their digits, several times faster; nearly every text has only such.
    codes = np.sort(codes.astype(np.uint16), kind="stable") if codes.max() < 1 << 16 else np.sort(codes)
    ends = np.concatenate([[-1], np.flatnonzero(codes[1:] != codes[:-1]), [len(codes) - 1]])
    shares = (ends[1:] - ends[:-1]) / len(codes)
    return float(-(shares * np.log2(shares)).sum())
