"""Folding: what looks alike becomes alike, and every folded character knows where it came from."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opencc import OpenCC

from hanhua.zh_text.folding import code_points, fold

MIXED = st.text(
    alphabet=st.one_of(
        st.sampled_from("加➕薇威微信心❤vVxXＶqQ扣 \n\u3000·★。，①㎏ﬁ㋀臺灣開發票髮后後ab12１２\u200b\ufe0f👍🏽é́İßΣς"),
        st.characters(),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("➕薇 信：ＡＢ①", "加微信ab1"),
        ("加 ★微★信★ 123", "加微信123"),
        ("威❤ abc-123", "微信abc123"),
        ("薇❤信", "微信信"),
        ("V信12345，vx 12345，wx:abcde", "微信12345微信12345微信abcde"),
        ("加扣扣 12345", "加qq12345"),
        ("新會員註冊即送體驗金", "新会员注册即送体验金"),
        ("１３８-００１３", "1380013"),
        # Taiwan's and Hong Kong's own forms
        ("活著沒意思，拿著刀", "活着没意思拿着刀"),
        ("著名的著作", "着名的着作"),
        ("衞生、敍述、餐枱、衹有、祇是、化粧、糭子", "卫生叙述餐台只有只是化妆粽子"),
        ("屋簷下麻痺", "屋檐下麻痹"),
        ("什麼、什么、甚麼", "什么什么甚么"),
        ("㎏的ﬁ", "kg的fi"),
        # words that must stay what they are
        ("他很有威信，唯心主义者不服。", "他很有威信唯心主义者不服"),
        ("VxWorks wxPython", "vxworkswxpython"),
        ("微心愿", "微心愿"),
        ("", ""),
        ("★☆◆ 。，", ""),
    ],
)
def test_folds_to(text: str, folded: str) -> None:
    assert fold(text).text == folded


@given(MIXED)
@settings(max_examples=400, deadline=None)
def test_offsets_lead_back(text: str) -> None:
    folded = fold(text)
    offsets = folded.offsets.tolist()
    assert len(offsets) == len(folded.text)
    assert offsets == sorted(offsets)
    assert all(0 <= offset < len(text) for offset in offsets)
    for at in range(len(folded.text)):
        start, end = folded.original_span(at, at + 1)
        assert end == start + 1
        # What stands there folds, on its own, to something that holds the character, unless a spelling of 微信 was
        # put in its place.
        alone = fold(text[start:end]).text
        assert folded.text[at] in alone or folded.text[at] in "微信q"


@given(MIXED, MIXED)
@settings(max_examples=200, deadline=None)
def test_a_span_found_in_the_fold_holds_what_was_found(before: str, after: str) -> None:
    # 赌 and 博 take part in no spelling, so the needle survives whatever surrounds it.
    text = f"{before}赌★博{after}"
    folded = fold(text)
    spans = [
        folded.original_span(at, at + 2) for at in range(len(folded.text) - 1) if folded.text[at : at + 2] == "赌博"
    ]
    assert (len(before), len(before) + 3) in spans


@given(MIXED)
@settings(max_examples=200, deadline=None)
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold(text).text
    assert code_points(fold(once).text).tolist() == code_points(once).tolist()


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_only_letters_and_digits_are_left(text: str) -> None:
    assert all(unicodedata.category(character)[0] in "LN" for character in fold(text).text)


@pytest.mark.parametrize("standard", ["s2t", "s2tw", "s2hk"])
def test_every_character_of_gb_2312_folds_as_its_traditional_forms_do(standard: str) -> None:
    codes = (bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    characters = list("".join(code.decode("gb2312", "ignore") for code in codes))
    twins = OpenCC(standard).convert("\n".join(characters)).split("\n")
    different = [(a, b) for a, b in zip(characters, twins, strict=True) if fold(a).text != fold(b).text]
    assert different == []
