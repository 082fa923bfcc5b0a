"""Repetition: runs, lines and 13-grams, each against a count that is slow and plain."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from any_texts import MIXED, REAL
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.rules.repetition import (
    NGRAM_OF_LETTERS,
    duplicate_line_ratios,
    repeated_ngram_ratios,
    repetition,
    run_ratios,
)

BALANCED = QualityConfig()
FEW = st.text(alphabet="哈甲乙丙丁", max_size=60)
LINES = st.lists(st.sampled_from(["甲", "春眠不觉晓", "处处闻啼鸟", "", "  缩进", "第一条"]), max_size=12)


def repeated_by_hand(text: str, n: int) -> float:
    grams = [text[at : at + n] for at in range(len(text) - n + 1)]
    return sum(count - 1 for count in Counter(grams).values()) / len(grams) if grams else 0.0


@given(FEW)
def test_runs_are_counted_as_by_hand(text: str) -> None:
    same = sum(text[at] == text[at - 1] == text[at - 2] for at in range(2, len(text)))
    assert Draft(text).view(run_ratios) == pytest.approx(same / len(text) if len(text) > 2 else 0.0)


@given(st.text(alphabet="甲乙", max_size=120))
def test_ngrams_are_counted_as_by_hand(text: str) -> None:
    if len(text) > 12:
        assert Draft(text).view(repeated_ngram_ratios) == pytest.approx(repeated_by_hand(text, 13))


@given(st.text(alphabet="ab", min_size=NGRAM_OF_LETTERS, max_size=200))
def test_where_words_are_spelled_out_ngrams_are_longer(text: str) -> None:
    assert Draft(text, language="en").view(repeated_ngram_ratios) == pytest.approx(
        repeated_by_hand(text, NGRAM_OF_LETTERS)
    )


@given(LINES)
def test_lines_are_counted_as_by_hand(lines: list[str]) -> None:
    text, seen, again = "\n".join(lines), set[str](), 0
    for line in lines:
        again += len(line.strip()) if line in seen else 0
        seen.add(line)
    assert Draft(text).view(duplicate_line_ratios) == pytest.approx(again / max(len(text), 1))


@given(LINES, st.randoms(use_true_random=False))
def test_the_order_of_lines_says_nothing(lines: list[str], chance: random.Random) -> None:
    other = lines.copy()
    chance.shuffle(other)
    assert Draft("\n".join(other)).view(duplicate_line_ratios) == Draft("\n".join(lines)).view(duplicate_line_ratios)


@given(MIXED)
def test_shares_are_shares(text: str) -> None:
    for measure in (run_ratios, duplicate_line_ratios, repeated_ngram_ratios):
        assert 0 <= Draft(text).view(measure) < 1


@pytest.mark.parametrize("seed", range(6))
def test_an_estimate_on_a_long_text_is_near_the_count(seed: int) -> None:
    """Half of the paragraphs of a long text twice: a third of its 13-grams was said before."""
    rng = random.Random(seed)
    parts = ["".join(chr(rng.randrange(0x4E00, 0x9000)) for _ in range(500)) for _ in range(40)]
    text = "".join([*parts, *parts[:20]])
    assert Draft(text).view(repeated_ngram_ratios) == pytest.approx(
        repeated_by_hand(Draft(text).folded.text, 13), abs=0.04
    )


@pytest.mark.parametrize("text", REAL[:10])
def test_a_text_said_twice_is_half_said_before_and_once_is_not(text: str) -> None:
    once, twice = Draft(text).view(repeated_ngram_ratios), Draft(text + text).view(repeated_ngram_ratios)
    assert once < 0.1
    assert twice == pytest.approx(0.5, abs=0.1)
    assert repetition(Draft(text), BALANCED).keep
    assert repetition(Draft(text.replace("\n", "") * 3), BALANCED).reason == "repetition.ngrams"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("哈哈哈哈哈", "repetition.runs"),  # three of five
        ("哈哈哈好笑死了，真的", None),  # one of nine
        ("好" + "啊" * 40, "repetition.runs"),
        ("哈 哈 哈 哈 哈 哈", "repetition.runs"),  # spaces between do not help
        ("哈，哈，哈，哈，哈", "repetition.runs"),
        ("嘻哈嘻哈嘻哈嘻哈", None),  # no run; too short for 13-grams
        ("欢迎光临\n" * 4, "repetition.lines"),
        ("欢迎光临\n欢迎惠顾\n欢迎再来\n", None),
        ("副歌我们一起唱\n主歌是另外一段\n副歌我们一起唱\n", None),  # a third of it
        ("\n" * 50 + "只有一行", None),  # blank lines are no repeated lines
    ],
)
def test_table(text: str, reason: str | None) -> None:
    assert repetition(Draft(text), BALANCED).reason == (reason or "")


@given(MIXED)
def test_without_limits_nothing_is_measured(text: str) -> None:
    draft = Draft(text)
    off = QualityConfig(max_run_ratio=None, max_duplicate_line_ratio=None, max_repeated_ngram_ratio=None)
    assert repetition(draft, off).keep and not draft.measured
