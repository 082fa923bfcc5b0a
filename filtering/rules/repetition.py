"""Texts that say the same again and again: lines, phrases, single characters.

Measured on long n-grams and whole lines, because common short n-grams recur in any long text: a novel or a
statute has a third of its 5-grams twice, but hardly a 13-gram.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Drafts, Verdict, reject
from hanhua.filtering.joined import starts_of
from hanhua.filtering.shingles import Hashes, hash_ngrams, widen_each

NGRAM_OF_LETTERS = 60
_SAMPLED_NGRAMS = 1 << 10


def repetition(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject by runs of one character, repeated lines and repeated 13-grams."""
    for detail, limit, measure in (
        ("runs", limits.max_run_ratio, run_ratios),
        ("lines", limits.max_duplicate_line_ratio, duplicate_line_ratios),
        ("ngrams", limits.max_repeated_ngram_ratio, repeated_ngram_ratios),
    ):
        if limit is None:
            continue
        ratio = draft.measure(f"repetition.{detail}", draft.view(measure))
        if ratio > limit:
            return reject(f"repetition.{detail}", ratio)
    return KEEP


def run_ratios(drafts: Drafts) -> list[float]:
    """Return the share of each text's letters that equal the two before them (哈哈哈哈: half)."""
    folds = drafts.folds
    same = folds.codes[1:] == folds.codes[:-1]
    places = np.flatnonzero(same[1:] & same[:-1])
    # Of three equal letters in a row the first is in the text, and the last too.
    before = np.searchsorted(places, folds.starts[:-1])
    counts = np.maximum(np.searchsorted(places, folds.starts[1:] - 2) - before, 0)
    ratios: list[float] = (counts / np.maximum(np.diff(folds.starts), 1)).tolist()
    return ratios


def duplicate_line_ratios(drafts: Drafts) -> list[float]:
    """Return the share of each text's characters in lines that repeat an earlier line."""
    return list(map(_duplicate_line_ratio, drafts.texts))


def _duplicate_line_ratio(text: str) -> float:
    if "\n" not in text:
        return 0.0
    lines = [line for line in text.split("\n") if line]
    if len(set(lines)) == len(lines):
        # Most texts end here.
        return 0.0
    repeated = sum(len(line.strip()) * (count - 1) for line, count in Counter(lines).items() if count > 1)
    return repeated / max(len(text), 1)


def repeated_ngram_ratios(drafts: Drafts) -> list[float]:
    """Return the share of 13-grams of the folded texts that occurred before; 60-grams where words are spelled out."""
    wide = widen_each(drafts.shingles) if "zh" in drafts.languages else drafts.shingles
    return _repeated_ratios(
        [
            wide[number] if language == "zh" else hash_ngrams(drafts.folds.of(number), NGRAM_OF_LETTERS)
            for number, language in enumerate(drafts.languages)
        ]
    )


def _repeated_ratios(hashes_of_each: Sequence[Hashes]) -> list[float]:
    """Return the share of the hashes of each text that occurred before."""
    sampled = list(map(_sampled, hashes_of_each))
    starts = starts_of(list(map(len, sampled)))
    hashes = np.concatenate(sampled)
    for begin, end in pairwise(starts.tolist()):
        hashes[begin:end].sort()
    places = np.flatnonzero(hashes[1:] == hashes[:-1])
    # The last of a text and the first of the next are no pair.
    ends = np.maximum(starts[1:] - 1, starts[:-1])
    counts = np.searchsorted(places, ends) - np.searchsorted(places, starts[:-1])
    ratios: list[float] = (counts / np.maximum(np.diff(starts), 1)).tolist()
    return ratios


def _sampled(hashes: Hashes) -> Hashes:
    """Return the hashes by which repetition is estimated.

    Of long texts those that are small: that keeps all copies of an n-gram or none.
    """
    keep_one_in = len(hashes) // _SAMPLED_NGRAMS
    return hashes[hashes < np.uint64((1 << 64) // keep_one_in)] if keep_one_in > 1 else hashes
