"""Seeds come of the train split alone; sections hold the whole document, in order, none too long."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_form import make_texts

from hanhua.documents import read_corpus
from hanhua.errors import InputError
from hanhua.synthesis.seeds.sections import cut_sections
from hanhua.synthesis.seeds.selection import choose_seeds
from hanhua.synthesis.settings import SeedSettings

ZH = frozenset(["zh"])
TEXTS = st.text(alphabet="春河水人，。！？\n ab1”", max_size=400)


def bare(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, st.integers(min_value=5, max_value=80))
def test_sections_hold_every_character_in_order_and_none_is_too_long(text: str, most: int) -> None:
    sections = cut_sections(text, max_characters=most, context_characters=30, max_sections=1000)
    assert bare("".join(one.text for one in sections)) == bare(text)
    assert all(len(one.text) <= most for one in sections)
    assert sections[0].context == ""


def test_a_section_is_told_the_title_and_the_end_of_the_one_before() -> None:
    text = "河流的一生\n" + "".join(f"第{n}句讲的是水从山上流下来。" for n in range(40))
    sections = cut_sections(text, max_characters=200, context_characters=40, max_sections=9)
    assert len(sections) > 2
    for before, one in pairwise(sections):
        title, _, end = one.context.partition("\n")
        assert title == "河流的一生" and end and before.text.endswith(end) and len(end) <= 40
        assert one.text.endswith("。")
    assert len(cut_sections(text, max_characters=200, context_characters=0, max_sections=2)) == 2


def test_english_is_cut_at_its_sentences_and_long_ones_between_words() -> None:
    text = "Make a card for each word (see fig. 3.5). Avoid a bare translation where you can! " * 6 + "word " * 60
    sections = cut_sections(text, max_characters=120, context_characters=0, max_sections=99)
    assert all(
        re.search(r"([.!]|\bword)$", one.text) and re.match(r"(Make|Avoid|word)\b", one.text) for one in sections
    )


def test_held_out_documents_are_never_seeds(tmp_path: Path) -> None:
    corpus = make_texts(tmp_path / "corpus")
    heldout = {one.id for one in read_corpus(corpus, split="heldout")}
    found = {seed.id for seed in choose_seeds(corpus, SeedSettings(min_characters=1), languages=ZH, score=None)}
    assert heldout and found == {one.id for one in read_corpus(corpus, split="train")}


def test_license_language_length_and_score_decide(tmp_path: Path) -> None:
    corpus = make_texts(tmp_path / "corpus")
    licensed = SeedSettings(min_characters=1, licenses=("Apache-2.0",))
    assert {one.license for one in choose_seeds(corpus, licensed, languages=ZH, score=None)} == {"Apache-2.0"}
    best = SeedSettings(min_characters=1, max_documents=5)
    lengths = sorted((len(one.text) for one in read_corpus(corpus, split="train")), reverse=True)
    chosen = {one.id for one in choose_seeds(corpus, best, languages=ZH, score=lambda text: len(text) / 10_000)}
    texts = [len(one.text) for one in read_corpus(corpus) if one.id in chosen]
    assert sorted(texts, reverse=True) == lengths[:5]
    with pytest.raises(InputError, match="no document of the train split can be a seed"):
        choose_seeds(corpus, SeedSettings(min_characters=1), languages=frozenset(["en"]), score=None)
    with pytest.raises(InputError, match="needs quality_model"):
        choose_seeds(corpus, SeedSettings(min_quality=0.5), languages=ZH, score=None)


def test_a_sample_is_of_the_whole_and_the_same_again(tmp_path: Path) -> None:
    seeds = choose_seeds(make_texts(tmp_path / "corpus"), SeedSettings(min_characters=1), languages=ZH, score=None)
    few = list(seeds.few(7))
    assert len(few) == 7 and few == list(seeds.few(7)) and set(few) < set(seeds)
    assert set(few) < set(seeds.few(20))
