"""Pieces joined are the text; new tokens are found by text and by id, most frequent first."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_llama import write_small_base
from tiny_run import make_tokenizer
from tokenizers import Tokenizer

from hanhua.figures.shown_texts import printable
from hanhua.model_folder import load_tokenizer
from hanhua.view.tokenizer_explorer import LONGEST_TEXT, cut, cuts, new_tokens


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> Tokenizer:
    return load_tokenizer(base)


@settings(max_examples=50)
@given(text=st.text(max_size=60) | st.text("图书馆𠮷e\u0301👩‍👩‍👧 <|end_of_text|>ab\n", max_size=40))
def test_pieces_joined_are_the_text(tokenizer: Tokenizer, text: str) -> None:
    found = cut(tokenizer, text, name="base", first_new_id=300)
    assert "".join(piece.text for piece in found.pieces) == printable(text)
    assert [piece.new for piece in found.pieces] == [piece.id >= 300 for piece in found.pieces]


def test_a_character_of_several_tokens_is_shown_once(tokenizer: Tokenizer) -> None:
    found = cut(tokenizer, "𠮷", name="base", first_new_id=300)
    assert [piece.text for piece in found.pieces] == ["𠮷", *[""] * (len(found.pieces) - 1)] and len(found.pieces) > 1


def test_a_long_text_is_cut_off(base: Path) -> None:
    (found,) = cuts({"base": base}, "水" * 5000, first_new_id=1 << 40)
    assert found.characters == LONGEST_TEXT


def test_new_tokens_are_found_by_text_and_id(tmp_path: Path) -> None:
    folder = make_tokenizer(tmp_path / "tokenizer").path
    everything = new_tokens(folder)
    counts = [row["count"] for row in everything.rows]
    assert counts == sorted(counts, reverse=True) and everything.total == everything.matching == len(counts)
    assert {row["text"] for row in new_tokens(folder, "我们").rows} == {"我们", "，我们"}
    assert [row["text"] for row in new_tokens(folder, " 128257 ").rows] == ["他们"]
    assert new_tokens(folder, "没有这个词").matching == 0
