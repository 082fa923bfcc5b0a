"""Features: one column an n-gram, the same for a window wherever it stands, by sound as by sight; digits are one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from any_texts import MIXED, REAL
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.linear.features import (
    CHARACTER_ORDERS,
    MAX_COLUMN_BITS,
    PINYIN_ORDERS,
    WINDOW_CHARACTERS,
    cut_windows,
    ngram_starts,
    window_columns,
    window_starts,
)
from hanhua.zh_text.folding import code_points, folded_codes

HAN = st.text(alphabet="的一是不了人我在有他赌博堵搏百家乐白加", min_size=1, max_size=WINDOW_CHARACTERS)


def columns(text: str) -> np.ndarray:
    return window_columns(code_points(text)[None])[0]


@given(st.integers(0, 2000))
def test_windows_cover_the_text_and_overlap_by_half(characters: int) -> None:
    starts = window_starts(characters).tolist()
    assert starts[0] == 0 and starts == sorted(set(starts))
    assert all(b - a <= WINDOW_CHARACTERS // 2 for a, b in pairwise(starts))
    assert starts[-1] == max(characters - WINDOW_CHARACTERS, 0)


@given(st.integers(1, 400))
def test_cut_windows_are_slices_of_the_text(characters: int) -> None:
    codes = np.arange(characters, dtype=np.uint32)
    starts = window_starts(characters)
    for row, start in zip(cut_windows(codes, starts), starts.tolist(), strict=True):
        assert row.tolist() == list(range(start, start + min(characters, WINDOW_CHARACTERS)))


@given(HAN)
def test_there_is_a_column_for_each_ngram_of_each_order(text: str) -> None:
    size = len(text)
    expected = sum(max(size - order + 1, 0) for order in (*CHARACTER_ORDERS, *PINYIN_ORDERS))
    found = columns(text)
    assert len(found) == expected == len(ngram_starts(size))
    assert found.min() >= 0 and found.max() < 1 << MAX_COLUMN_BITS
    assert ngram_starts(size).max() < size


@given(st.lists(st.text(alphabet="的一是不了人我在", min_size=12, max_size=12), min_size=2, max_size=5))
def test_a_window_s_columns_do_not_depend_on_the_others(texts: list[str]) -> None:
    together = window_columns(np.stack([code_points(text) for text in texts]))
    for row, text in zip(together, texts, strict=True):
        assert row.tolist() == columns(text).tolist()


@given(HAN, HAN)
def test_an_ngram_has_one_column_wherever_it_stands(before: str, after: str) -> None:
    """Of all columns of a part, each is a column of the whole."""
    part, whole = set(columns("百家乐白加乐").tolist()), set(columns(f"{before}百家乐白加乐{after}").tolist())
    assert part <= whole


@given(st.text(alphabet="价格0123456789元", min_size=1, max_size=40), st.sampled_from("0123456789"))
def test_all_digits_are_one(text: str, digit: str) -> None:
    other = "".join(digit if character.isdigit() else character for character in text)
    assert columns(text).tolist() == columns(other).tolist()


@pytest.mark.parametrize(("one", "other"), [("赌博", "堵搏"), ("百家乐", "白加乐"), ("时时彩", "石十采")])
def test_what_is_said_alike_shares_the_columns_of_its_sound(one: str, other: str) -> None:
    size = len(one)
    by_sound = sum(max(size - order + 1, 0) for order in PINYIN_ORDERS)
    a, b = columns(one), columns(other)
    assert a[-by_sound:].tolist() == b[-by_sound:].tolist()
    assert a[:-by_sound].tolist() != b[:-by_sound].tolist()


@given(st.permutations("春江花月夜张若虚"))
def test_order_matters_to_all_but_single_characters(text: str) -> None:
    straight = columns("春江花月夜张若虚")
    assert sorted(columns("".join(text))[:8].tolist()) == sorted(straight[:8].tolist())
    if "".join(text) != "春江花月夜张若虚":
        assert columns("".join(text)).tolist() != straight.tolist()


def test_columns_of_real_texts_seldom_meet() -> None:
    """Different n-grams of one text fall apart: fewer than one in a hundred shares its column with another."""
    for text in REAL[:20]:
        codes = folded_codes(text)[:WINDOW_CHARACTERS]
        singles = len(codes)
        grams = {tuple(codes[at : at + 2].tolist()) for at in range(singles - 1)}
        found = window_columns(codes[None])[0][singles : 2 * singles - 1]
        assert len(set(found.tolist())) >= 0.99 * len(grams) - 1


@given(MIXED)
def test_any_text_has_columns_within_the_table(text: str) -> None:
    codes = folded_codes(text)
    found = window_columns(cut_windows(codes, window_starts(len(codes))))
    assert found.shape[1] == len(ngram_starts(min(len(codes), WINDOW_CHARACTERS)))
    assert not found.size or found.max() < 1 << MAX_COLUMN_BITS
