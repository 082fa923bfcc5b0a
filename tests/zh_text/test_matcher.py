"""The lexicon matcher finds what a plain search of the folded text finds, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.zh_text.folding import fold
from hanhua.zh_text.matcher import LexiconMatcher

TERMS = ["微信", "加微信", "信", "中文", "文字", "ab", "b1"]


@given(st.text(alphabet="加微薇信中文字ab1 ★，", max_size=40))
@settings(max_examples=300, deadline=None)
def test_finds_what_a_plain_search_finds(text: str) -> None:
    folded = fold(text)
    found = {(hit.term, hit.start, hit.end) for hit in LexiconMatcher(TERMS).find(folded)}
    expected = {
        (number, at, at + len(term))
        for number, term in enumerate(TERMS)
        for at in range(len(folded.text))
        if folded.text.startswith(term, at)
    }
    assert found == expected


def test_spans_are_of_the_original() -> None:
    text = "请➕ 薇★信：abc"
    folded = fold(text)
    hit = LexiconMatcher(["加微信"]).find(folded)[0]
    start, end = folded.original_span(hit.start, hit.end)
    assert text[start:end] == "➕ 薇★信"


def test_terms_are_folded_too() -> None:
    assert LexiconMatcher(["體驗金"]).find(fold("送体验金"))


@pytest.mark.parametrize("terms", [["★"], ["微信", "薇信"]])
def test_terms_that_cannot_be_told_apart_are_refused(terms: list[str]) -> None:
    with pytest.raises(ValueError, match="fold"):
        LexiconMatcher(terms)


def test_an_empty_lexicon_finds_nothing() -> None:
    assert LexiconMatcher([]).find(fold("微信")) == []
