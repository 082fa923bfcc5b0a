"""Disguised words: split characters, homophones and initials are found, in the right place, and count for less."""

from __future__ import annotations

import pytest

from hanhua.filtering.harm.disguise import DisguiseMatcher, initials, split_spellings, splits
from hanhua.filtering.harm.disguised_copies import DISGUISES, disguised, learned_copies
from hanhua.filtering.harm.evidence import EvidenceFinder
from hanhua.filtering.harm.lexicon import Lexicon, Sense
from hanhua.filtering.harm.scorer import LexiconScorer
from hanhua.zh_text.folding import fold

GAMBLING = (Sense("gambling", "topic", 2.0),)
FINDER = EvidenceFinder(Lexicon({"百家乐": GAMBLING, "赌球": GAMBLING, "首存送": GAMBLING}, (), ""), disguised=True)


def found(text: str) -> list[tuple[str, str, float]]:
    folded = fold(text)
    evidence = FINDER.evidence(text, folded)
    spans = [folded.original_span(one.start, one.end) for one in evidence]
    return [(one.term, text[a:b], one.sense.weight) for one, (a, b) in zip(evidence, spans, strict=True)]


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("来玩百家乐吧", [("百家乐", "百家乐", 2.0)]),
        ("来玩白家乐吧", [("百家乐", "白家乐", 1.5)]),
        ("来玩百★加.乐吧", [("百家乐", "百★加.乐", 1.5)]),
        ("天天贝者王求赢", [("赌球", "贝者王求", 2.0)]),
        ("天天贝 者球赢", [("赌球", "贝 者球", 2.0)]),
        ("BJL和SCS都有", [("百家乐", "BJL", 0.8), ("首存送", "SCS", 0.8)]),
        # Nothing of the word itself is left, or it is two characters long.
        ("拜嘉勒先生", []),
        ("都求你了", []),
        ("bjlx", []),
    ],
)
def test_finds_in_the_original(text: str, evidence: list[tuple[str, str, float]]) -> None:
    assert [(term, shown, pytest.approx(weight)) for term, shown, weight in evidence] == found(text)


def test_the_table_of_splits_is_whole() -> None:
    assert len(splits()) > 150
    for character, forms in splits().items():
        assert len(character) == 1 and forms
        assert all(len(form) >= 2 and fold(form).text == form for form in forms), character


def test_spellings_and_initials() -> None:
    assert "贝者王求" in set(split_spellings("赌球"))
    assert "赌球" not in set(split_spellings("赌球"))
    assert list(split_spellings("彐")) == []
    assert (initials("时时彩"), initials("a彩")) == ("ssc", "")


def test_no_terms_no_hits() -> None:
    assert DisguiseMatcher([]).homophones(fold("百家乐").text, ()) == []


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("贝者球就来皇冠体育，首存送一百，加微亻言 abc886600 领彩金", "贝者球"),
        ("白家乐真人荷官，手存送五十八，提款秒到，加➕威❤ bc886600", "白家乐"),
    ],
)
def test_disguised_spam_is_rejected_at_its_place(text: str, piece: str) -> None:
    score = LexiconScorer().score(text)
    assert score.category == "gambling" and score.score >= 0.5
    assert any(piece in text[start:end] for start, end in score.spans)


def test_copies_are_disguised_the_same_way_each_time() -> None:
    text = "信誉平台首充送彩金，真人荷官在线发牌，提款秒到，欢迎老板们加微信咨询。"
    copies = learned_copies(text)
    assert copies == learned_copies(text)
    assert text not in (copies[0], copies[2])
    # Folding undoes the others, so they need no copy.
    assert fold(disguised(text, DISGUISES["inserted symbols"], 1)).text == fold(text).text
    assert fold(disguised(text, None, 1)).text == fold(text).text
