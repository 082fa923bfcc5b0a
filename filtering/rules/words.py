"""FineWeb2's and Gopher's rules of words, for corpora that should be filtered as they do; off in `balanced`.

The text is segmented once for all of them, and n-grams are hashes over the words' numbers. What they compute
is what datatrove's filters do, to the letter where it matters: marks count as words among all words.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject
from hanhua.filtering.shingles import Hashes, hash_ngrams

FUNCTION_WORDS = frozenset(
    [
        "的",
        "了",
        "在",
        "是",
        "和",
        "有",
        "我",
        "不",
        "他",
        "这",
        "也",
        "就",
        "人",
        "都",
        "一个",
        "上",
        "为",
        "与",
        "到",
        "说",
        "对",
        "而",
    ]
)
_TOP_N = (2, 3, 4)
_DUPLICATE_N = (5, 6, 7, 8, 9, 10)


def words(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject by number, length and kind of words, function words, and line breaks per word."""
    if not any_word_limit(limits) or not draft.chinese:
        return KEEP
    kinds = Counter(draft.words)
    real = {word: number for word, number in kinds.items() if any(map(str.isalnum, word))}
    count, total = sum(real.values()), max(len(draft.words), 1)
    characters = sum(len(word) * number for word, number in real.items())
    alphabetic = sum(number for word, number in real.items() if any(map(str.isalpha, word)))
    checks = (
        ("words.few", count, limits.min_words, None),
        ("words.many", count, None, limits.max_words),
        ("words.length", characters / max(count, 1), limits.min_mean_word_length, limits.max_mean_word_length),
        ("words.alphabetic", alphabetic / total, limits.min_alphabetic_word_ratio, None),
        ("words.stop", len(FUNCTION_WORDS.intersection(kinds)), limits.min_stop_words, None),
        ("words.newlines", draft.text.count("\n") / total, None, limits.max_newline_ratio),
    )
    for reason, value, low, high in checks:
        draft.measure(reason, value)
        if (low is not None and value < low) or (high is not None and value > high):
            return reject(reason, float(value))
    return _by_ngrams(draft, limits)


def any_word_limit(limits: QualityConfig) -> bool:
    """Return whether one of the limits on words is set."""
    lengths = (limits.min_words, limits.max_words, limits.min_mean_word_length, limits.max_mean_word_length)
    others = (limits.min_alphabetic_word_ratio, limits.min_stop_words, limits.max_newline_ratio)
    return any(limit is not None for limit in (*lengths, *others)) or bool(
        limits.max_top_ngram_ratios or limits.max_duplicate_ngram_ratios
    )


def _by_ngrams(draft: Draft, limits: QualityConfig) -> Verdict:
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word in draft.words], dtype=np.uint32)
    lengths = np.array(list(map(len, draft.words)), dtype=np.int64)
    size = max(len(draft.text), 1)
    for n, limit in zip(_TOP_N, limits.max_top_ngram_ratios, strict=False):
        ratio = draft.measure(f"words.top_{n}", top_ngram_characters(ids, lengths, n) / size)
        if ratio > limit:
            return reject(f"words.top_{n}", ratio)
    for n, limit in zip(_DUPLICATE_N, limits.max_duplicate_ngram_ratios, strict=False):
        ratio = draft.measure(f"words.repeated_{n}", repeated_ngram_characters(ids, lengths, n) / size)
        if ratio > limit:
            return reject(f"words.repeated_{n}", ratio)
    return KEEP


def top_ngram_characters(ids: npt.NDArray[np.uint32], lengths: npt.NDArray[np.int64], n: int) -> int:
    """Return the characters in all occurrences of the most frequent n-gram, with spaces between its words."""
    if len(ids) < n:
        return 0
    _, first, counts = np.unique(hash_ngrams(ids, n), return_index=True, return_counts=True)
    most = counts.max()
    # Among equals the one that comes first in the text, as Counter has it.
    at = int(first[counts == most].min())
    return int(most) * (int(lengths[at : at + n].sum()) + n - 1)


def repeated_ngram_characters(ids: npt.NDArray[np.uint32], lengths: npt.NDArray[np.int64], n: int) -> int:
    """Return the characters in n-grams that occurred before, counted without overlap from left to right."""
    if len(ids) < n:
        return 0
    hashes: Hashes = hash_ngrams(ids, n)
    if len(np.unique(hashes)) == len(hashes):
        return 0
    ends = np.concatenate([[0], np.cumsum(lengths)])
    seen: set[int] = set()
    characters = at = 0
    values = hashes.tolist()
    while at < len(values):
        if values[at] in seen:
            characters += int(ends[at + n] - ends[at])
            at += n
        else:
            seen.add(values[at])
            at += 1
    return characters
