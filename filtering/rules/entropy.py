"""Texts made of so few characters that they tell next to nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Drafts, Verdict, reject
from hanhua.filtering.joined import starts_of

HEAD = 4096
"""Characters looked at; entropy grows with length, and hardly beyond that."""
_CODE_BITS = 21


def entropy(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject by the entropy of the characters, in bits: prose of 200 characters has 6 to 7, a refrain of eight 3."""
    if limits.min_entropy_bits is None:
        return KEEP
    bits = draft.measure("entropy", draft.view(entropy_bits))
    return reject("entropy", bits) if bits < limits.min_entropy_bits else KEEP


def entropy_bits(drafts: Drafts) -> list[float]:
    """Return the entropy of each folded text's characters; marks and spaces do not count."""
    heads = [(begin, min(end, begin + HEAD)) for begin, end in drafts.folds.bounds]
    lengths = [end - begin for begin, end in heads]
    # Which text it is, above the character: sorted, not counted into a table of all characters of all texts.
    keys = np.concatenate([drafts.folds.codes[begin:end] for begin, end in heads])
    wide = np.uint32 if len(heads) < 1 << 32 - _CODE_BITS else np.uint64
    keys = keys.astype(wide) | np.repeat(np.arange(len(heads), dtype=wide) << wide(_CODE_BITS), lengths)
    keys.sort()
    begins = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]])
    runs = np.searchsorted(begins, starts_of(lengths)).tolist()
    shares = np.diff(begins) / np.repeat(lengths, np.diff(runs))
    bits = shares * np.log2(shares)
    return [float(-bits[first:end].sum()) for first, end in pairwise(runs)]
