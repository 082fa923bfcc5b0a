from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hanhua.vocab_extension.learning.near_copies import NearCopies, shingles

CHARACTERS = [chr(code) for code in range(0x4E00, 0x5E00)]


def page(seed: int, length: int = 200) -> str:
    return "".join(random.Random(seed).choices(CHARACTERS, k=length))


def test_one_page_with_another_number_each_time_counts_once() -> None:
    copies = NearCopies()
    assert sum(copies.first_seen([f"{page(1)} 第{n}号" for n in range(3000)])) == 1
    assert sum(copies.first_seen([f"{page(1)} 第{n}号" for n in range(3000, 4000)])) == 0


def test_different_pages_are_kept() -> None:
    copies = NearCopies()
    assert all(copies.first_seen([page(n) for n in range(300)]))
    assert all(copies.first_seen([page(n) for n in range(300, 600)]))


def test_a_page_with_a_third_of_new_text_is_kept_and_with_a_tenth_is_not() -> None:
    copies = NearCopies()
    assert copies.first_seen([page(1, 2000), page(1, 2000) + page(2, 1000), page(1, 2000)[:1900] + page(3, 100)]) == [
        True,
        True,
        False,
    ]


def test_long_documents_are_known_by_few_shingles() -> None:
    _, document_P = shingles([page(1, 50_000), page(2, 300)])
    long, short = np.bincount(document_P).tolist()
    assert 200 < long < 800
    assert 40 < short < 120
    assert NearCopies().first_seen([page(1, 50_000), page(1, 49_000) + page(2, 1000)]) == [True, False]


@given(st.lists(st.text("一二三1\n a", max_size=30), max_size=12))
def test_short_texts_and_line_breaks_are_kept_apart(texts: list[str]) -> None:
    hash_P, document_P = shingles(texts)
    for number, text in enumerate(texts):
        assert hash_P[document_P == number].tolist() == sorted(set(shingles([text])[0].tolist()))
    assert list(NearCopies().without(iter(texts[:1]))) == texts[:1]


@given(st.lists(st.lists(st.sampled_from([page(n, 60) for n in range(9)]), max_size=4), max_size=9), st.integers(0, 9))
def test_many_at_a_time_are_judged_as_one_by_one(parts: list[list[str]], cut: int) -> None:
    texts = ["\n".join(chosen) for chosen in parts]
    one_by_one, in_two = NearCopies(), NearCopies()
    wanted = [fresh for text in texts for fresh in one_by_one.first_seen([text])]
    assert [*in_two.first_seen(texts[:cut]), *in_two.first_seen(texts[cut:])] == wanted
