"""Entropy: of the characters alone, in whatever order, and as Shannon has it."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from any_texts import MIXED, REAL, shuffled
from hypothesis import assume, given
from hypothesis import strategies as st

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.rules.entropy import HEAD, entropy, entropy_bits

BALANCED = QualityConfig()


def by_hand(text: str) -> float:
    counts = Counter(Draft(text).folded.text[:HEAD])
    total = sum(counts.values())
    return -sum(n / total * math.log2(n / total) for n in counts.values()) if total else 0.0


@given(MIXED)
def test_it_is_shannon_s(text: str) -> None:
    assert Draft(text).view(entropy_bits) == pytest.approx(by_hand(text), abs=1e-9)


@pytest.mark.parametrize("text", REAL[:12])
def test_it_is_shannon_s_on_prose_and_verse(text: str) -> None:
    assert Draft(text).view(entropy_bits) == pytest.approx(by_hand(text), abs=1e-9)
    assert entropy(Draft(text), BALANCED).keep


@given(st.text(alphabet="一二三四五六七八九十甲乙丙丁", max_size=60), st.integers())
def test_order_says_nothing(text: str, seed: int) -> None:
    other = shuffled(text, seed)
    assert Draft(text).view(entropy_bits) == pytest.approx(Draft(other).view(entropy_bits))
    assert entropy(Draft(text), BALANCED).keep == entropy(Draft(other), BALANCED).keep


@given(st.text(alphabet="一二三四五六七八九十", min_size=1, max_size=60), st.text(alphabet=" \n，。★·🎉", max_size=20))
def test_marks_and_spaces_say_nothing(text: str, marks: str) -> None:
    assert Draft(text + marks).view(entropy_bits) == pytest.approx(Draft(text).view(entropy_bits))


@given(st.text(alphabet="一二三四五六七八九十", min_size=1, max_size=60), st.integers(2, 8))
def test_saying_it_again_adds_nothing(text: str, times: int) -> None:
    assert Draft(text * times).view(entropy_bits) == pytest.approx(Draft(text).view(entropy_bits))


@given(st.integers(1, 400))
def test_characters_that_are_all_different_have_the_most(count: int) -> None:
    text = "".join(chr(0x4E00 + 7 * i) for i in range(count))
    different = len(set(Draft(text).folded.text))
    found = Draft(text).view(entropy_bits)
    assert found <= math.log2(different) + 1e-9
    assert found >= math.log2(different) - 1.0, "of all those that fold apart"


def test_only_the_beginning_counts() -> None:
    head = "天地玄黄宇宙洪荒" * (HEAD // 8)
    assert Draft(head + REAL[0]).view(entropy_bits) == pytest.approx(3.0)
    assert Draft(head[8:] + REAL[0]).view(entropy_bits) > 3.0


def test_characters_beyond_the_basic_plane_count_too() -> None:
    plain, rare = "甲乙" * 20, "甲\U00020001" * 20
    assert Draft(plain).view(entropy_bits) == Draft(rare).view(entropy_bits) == pytest.approx(1.0)


@given(MIXED)
def test_the_limit_is_kept_exactly(text: str) -> None:
    bits = Draft(text).view(entropy_bits)
    assume(bits > 0)
    assert entropy(Draft(text), QualityConfig(min_entropy_bits=bits)).keep
    above = entropy(Draft(text), QualityConfig(min_entropy_bits=math.nextafter(bits, math.inf)))
    assert (above.keep, above.reason) == (False, "entropy")
    assert entropy(Draft(text), QualityConfig(min_entropy_bits=None)).keep


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("", False),
        ("。。。！！！", False),
        ("恭喜发财" * 30, False),
        ("一二三四五六七", False),  # seven different characters: 2.8 bits
        ("一二三四五六七八", True),  # eight: three bits
        ("ABCDEFGH", True),
        ("AaBbCcDd", False),  # four letters, in both cases
        ("１1２2３3４4", False),  # the same digits in two widths
        ("臺台灣湾萬万與与", False),  # and the same characters in two scripts
    ],
)
def test_near_the_limit(text: str, keep: bool) -> None:
    assert entropy(Draft(text), BALANCED).keep is keep
