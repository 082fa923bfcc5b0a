"""What looks or sounds alike, and what a text is made of: shares, scripts, words and terms, against plain counts."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opencc import OpenCC
from repository import QUICKSTART
from small_llama import quickstart_texts

from hanhua.zh_text.folding import code_points, fold
from hanhua.zh_text.frequent import FREQUENT, frequent_share
from hanhua.zh_text.matcher import LexiconMatcher
from hanhua.zh_text.pinyin import characters_read, readings, syllable_codes, syllable_text
from hanhua.zh_text.scripts import chinese_script, han_runs, is_han, is_han_prefix, script_shares
from hanhua.zh_text.segmentation import segment

HANS = [text for path in sorted(QUICKSTART.glob("zh_hans_*.jsonl")) for text in quickstart_texts(path.name)][::8]
MIXED = st.text(alphabet="的一是赌博堵搏百家乐白加臺台湾灣abAB12 ，。★あ가Ж", max_size=40)
TERMS = st.lists(st.text(alphabet="百家乐白加", min_size=1, max_size=3), min_size=1, max_size=6, unique=True)


@given(TERMS, st.text(alphabet="百家乐白加x", max_size=40))
def test_every_occurrence_of_every_term_is_found(terms: list[str], text: str) -> None:
    found = {(hit.term, hit.start, hit.end) for hit in LexiconMatcher(terms).find(fold(text))}
    by_hand = {
        (number, at, at + len(term))
        for number, term in enumerate(terms)
        for at in range(len(text) - len(term) + 1)
        if text[at : at + len(term)] == term
    }
    assert found == by_hand


@pytest.mark.parametrize("terms", [["★"], ["臺灣", "台湾"], ["AB", "ab"], [""]])
def test_a_term_that_could_never_be_found_is_refused(terms: list[str]) -> None:
    with pytest.raises(ValueError, match="fold"):
        LexiconMatcher(terms)


@given(MIXED)
def test_sounds_keep_their_places(text: str) -> None:
    folded = fold(text).text
    sounds = syllable_text(folded)
    assert len(sounds) == len(folded)
    assert syllable_codes(code_points(folded)).tolist() == code_points(sounds).tolist()
    table = readings()
    for one, sound in zip(folded, sounds, strict=True):
        assert (one == sound) == (one not in table)
    for a, b in combinations(range(len(folded)), 2):
        if folded[a] in table and folded[b] in table:
            assert (sounds[a] == sounds[b]) == (table[folded[a]] == table[folded[b]])


def test_characters_and_syllables_agree() -> None:
    table = readings()
    for syllable in ("du", "bo", "bai", "jia", "le", "wei"):
        characters = characters_read(syllable)
        assert characters and all(table[one] == syllable for one in characters)
        assert list(characters) == sorted(characters)
    assert characters_read("xyz") == ""


@given(MIXED)
def test_shares_of_scripts_add_up(text: str) -> None:
    found = script_shares(text)
    total = found.han + found.kana + found.hangul + found.latin + found.cyrillic
    assert total == pytest.approx(1 if found.letters else 0)
    assert found.letters == sum(one.isalpha() for one in text)
    assert "".join(han_runs(text)) == "".join(one for one in text if is_han(one))


@pytest.mark.parametrize("text", HANS)
def test_a_script_is_told_whichever_way_it_was_converted(text: str) -> None:
    assert chinese_script(text) in ("hans", "neutral")
    assert chinese_script(OpenCC("s2t").convert(text)) == "hant"
    assert chinese_script(text + OpenCC("s2t").convert(text)) == "mixed"
    folded, twin = fold(text).text, fold(OpenCC("s2t").convert(text)).text
    assert len(folded) == len(twin)
    assert sum(a == b for a, b in zip(folded, twin, strict=True)) > 0.97 * len(folded)


@given(st.integers(0x80, 0x3FFFF).filter(lambda code: not 0xD800 <= code < 0xE000), st.integers(1, 3))
def test_a_prefix_of_han_bytes_begins_han_only(code: int, length: int) -> None:
    data = chr(code).encode()[:length]
    if len(data) < len(chr(code).encode()) and is_han_prefix(data):
        assert is_han(chr(code)), "a character that begins so and is not Han"


@given(MIXED, st.booleans())
def test_words_joined_are_the_text(text: str, new_words: bool) -> None:
    for engine in ("jieba", "rjieba"):
        assert "".join(segment(text, engine=engine, new_words=new_words)) == text


@given(MIXED)
def test_frequent_characters_are_a_share_of_those_beyond_ascii(text: str) -> None:
    beyond = [one for one in text if not one.isascii()]
    expected = sum(one in FREQUENT for one in beyond) / len(beyond) if beyond else 0
    assert frequent_share(text) == pytest.approx(expected)


@pytest.mark.parametrize("first", range(0xE0, 0xF0))
def test_of_a_first_byte_all_prefixes_are_told_by_all_their_characters(first: int) -> None:
    """For three-byte characters: a prefix of two bytes is Han exactly when each of its 64 characters is."""
    for second in range(0x80, 0xC0):
        data = bytes([first, second])
        characters = [(data + bytes([third])).decode(errors="ignore") for third in range(0x80, 0xC0)]
        assert is_han_prefix(data) == all(map(is_han, characters)), data.hex()


@pytest.mark.parametrize("data", [b"", b"\xe4", b"a", b"ab", "你".encode(), b"\xff\xff", b"\xe4a"])
def test_what_is_no_prefix_of_two_bytes_or_more_is_none(data: bytes) -> None:
    assert not is_han_prefix(data)
