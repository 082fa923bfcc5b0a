"""Rules of words: counts against plain ones, limits that are inclusive, nothing asked of other languages."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from any_texts import MIXED, REAL
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.config import FilteringConfig, QualityConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.rules.words import FUNCTION_WORDS, repeated_ngram_characters, top_ngram_characters, words

FINEWEB = FilteringConfig(preset="fineweb2-zh").quality
OPEN = QualityConfig(
    min_words=0,
    max_words=10**9,
    min_mean_word_length=0,
    max_mean_word_length=1e9,
    min_alphabetic_word_ratio=0,
    min_stop_words=0,
    max_newline_ratio=1,
    max_top_ngram_ratios=(99, 99, 99),
    max_duplicate_ngram_ratios=(99,) * 6,
)
WORDS = st.lists(st.sampled_from(["我", "他们", "一个", "说", "。", "2024", "ab", "春天"]), min_size=1, max_size=40)


def measured(text: str) -> dict[str, float]:
    draft = Draft(text)
    assert words(draft, OPEN).keep
    return draft.measured


def numbered(some: list[str]) -> tuple[np.ndarray, np.ndarray]:
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word, len(numbers)) for word in some], dtype=np.uint32)
    return ids, np.array(list(map(len, some)), dtype=np.int64)


@pytest.mark.parametrize("text", REAL[:10])
def test_figures_are_those_of_a_plain_count(text: str) -> None:
    found, some = measured(text), Draft(text).words
    real = [word for word in some if any(map(str.isalnum, word))]
    assert found["words.few"] == found["words.many"] == len(real)
    assert found["words.length"] == pytest.approx(sum(map(len, real)) / len(real))
    assert found["words.alphabetic"] == pytest.approx(sum(any(map(str.isalpha, w)) for w in some) / len(some))
    assert found["words.stop"] == len(FUNCTION_WORDS & set(some))
    assert found["words.newlines"] == pytest.approx(text.count("\n") / len(some))


@given(WORDS, st.integers(2, 4))
def test_the_commonest_ngram_is_that_of_a_plain_count(some: list[str], n: int) -> None:
    grams = Counter(tuple(some[at : at + n]) for at in range(len(some) - n + 1))
    best = max(grams.values(), default=0)
    first = next((gram for gram, count in grams.items() if count == best), ())
    assert top_ngram_characters(*numbered(some), n) == best * len(" ".join(first))


@given(WORDS, st.integers(1, 10))
def test_repeated_ngrams_never_hold_more_than_the_text(some: list[str], n: int) -> None:
    repeated = repeated_ngram_characters(*numbered(some), n)
    assert 0 <= repeated < sum(map(len, some)) + (len(some) < n)
    assert repeated_ngram_characters(*numbered(some + some), n) >= repeated


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=60, unique=True), st.integers(2, 5))
def test_different_words_repeat_nothing_and_twice_half(some: list[int], n: int) -> None:
    ids, lengths = np.array(some, dtype=np.uint32), np.full(len(some), 2, dtype=np.int64)
    assert repeated_ngram_characters(ids, lengths, n) == 0
    twice = repeated_ngram_characters(np.tile(ids, 2), np.tile(lengths, 2), n)
    assert twice == 2 * (len(some) // n) * n


@given(MIXED)
def test_only_chinese_is_asked_and_only_where_there_is_a_limit(text: str) -> None:
    for draft, limits in ((Draft(text, language="en"), FINEWEB), (Draft(text), QualityConfig())):
        assert words(draft, limits).keep
        assert not draft.measured and "words" not in vars(draft)


@pytest.mark.parametrize(
    ("measure", "low", "high"),
    [
        ("words.few", "min_words", None),
        ("words.many", None, "max_words"),
        ("words.length", "min_mean_word_length", "max_mean_word_length"),
        ("words.alphabetic", "min_alphabetic_word_ratio", None),
        ("words.stop", "min_stop_words", None),
        ("words.newlines", None, "max_newline_ratio"),
    ],
)
@pytest.mark.parametrize("text", REAL[:2])
def test_each_limit_is_inclusive_and_named(text: str, measure: str, low: str | None, high: str | None) -> None:
    value = measured(text)[measure]
    whole = value == int(value) and measure in ("words.few", "words.many", "words.stop")
    value = int(value) if whole else value
    for field, beyond in ((low, value + 1 if whole else math.nextafter(value, 9e9)), (high, value - 1 if whole else 0)):
        if field is not None and not (field == "max_newline_ratio" and value == 0):
            assert words(Draft(text), QualityConfig(**{field: value})).keep
            beyond = math.nextafter(value, 0) if field == high and not whole else beyond
            assert words(Draft(text), QualityConfig(**{field: beyond})).reason == measure


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("今天天气很好。", "words.few"),
        (REAL[0], None),
        ("12 34 56 78 90 " * 12, "words.alphabetic"),
        ("春天夏天秋天冬天苹果香蕉橘子西瓜葡萄草莓樱桃荔枝" * 9, "words.stop"),
        ("\n".join(REAL[0][:120]), "words.newlines"),
    ],
)
def test_table(text: str, reason: str | None) -> None:
    assert words(Draft(text), FINEWEB).reason == (reason or "")
