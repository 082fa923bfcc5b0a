"""Texts that say the same again and again: lines, phrases, single characters.

Measured on long n-grams and whole lines, because common short n-grams recur in any long text: a novel or a
statute has a third of its 5-grams twice, but hardly a 13-gram.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject
from hanhua.filtering.shingles import hash_ngrams, widen

NGRAM_OF_LETTERS = 60
_SAMPLED_NGRAMS = 1 << 10


def repetition(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject by runs of one character, repeated lines and repeated 13-grams."""
    for detail, limit, measure in (
        ("runs", limits.max_run_ratio, run_ratio),
        ("lines", limits.max_duplicate_line_ratio, duplicate_line_ratio),
        ("ngrams", limits.max_repeated_ngram_ratio, repeated_ngram_ratio),
    ):
        if limit is None:
            continue
        ratio = draft.measure(f"repetition.{detail}", measure(draft))
        if ratio > limit:
            return reject(f"repetition.{detail}", ratio)
    return KEEP


def run_ratio(draft: Draft) -> float:
    """Return the share of letters that equal the two before them (哈哈哈哈: half)."""
    codes = draft.folded_codes
    if len(codes) < 3:
        return 0.0
    same = codes[1:] == codes[:-1]
    return float(np.count_nonzero(same[1:] & same[:-1])) / len(codes)


def duplicate_line_ratio(draft: Draft) -> float:
    """Return the share of characters in lines that repeat an earlier line."""
    if "\n" not in draft.text:
        return 0.0
    lines = Counter(draft.text.split("\n"))
    repeated = sum(len(line.strip()) * (count - 1) for line, count in lines.items() if count > 1)
    return repeated / max(len(draft.text), 1)


def repeated_ngram_ratio(draft: Draft) -> float:
    """Return the share of 13-grams of the folded text that occurred before; 60-grams where words are spelled out.

    Estimated in long texts on the n-grams whose hash is small: that keeps all copies of an n-gram or none.
    """
    hashes = widen(draft.shingles) if draft.chinese else hash_ngrams(draft.folded_codes, NGRAM_OF_LETTERS)
    keep_one_in = len(hashes) // _SAMPLED_NGRAMS
    if keep_one_in > 1:
        hashes = hashes[hashes < np.uint64((1 << 64) // keep_one_in)]
    if len(hashes) == 0:
        return 0.0
    hashes = np.sort(hashes)
    return float(np.count_nonzero(hashes[1:] == hashes[:-1])) / len(hashes)
