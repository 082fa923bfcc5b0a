"""The one door for ids: the same ids as `tokenizers`, whichever way they are made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import BPE
from vocabulary_fixtures import base  # noqa: F401

from hanhua.encoding import ODD_TEXTS, Encoder

BIG = 1 << 30


@pytest.fixture(scope="module")
def encoder(base: Path) -> Encoder:  # noqa: F811
    made = Encoder(Tokenizer.from_file(str(base / "tokenizer.json")), expected_bytes=BIG)
    made.encode(["我们都是中国人"])
    return made


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_the_ids_are_those_of_tokenizers(encoder: Encoder, texts: list[str]) -> None:
    assert encoder.is_fast
    rows = encoder.encode(texts)
    assert [row.tolist() for row in rows] == [
        e.ids for e in encoder.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ]
    assert rows.lengths.tolist() == [len(row) for row in rows]


@pytest.mark.parametrize("as_text", [False, True])
def test_special_tokens_are_met_or_spelled_as_the_tokenizer_says(base: Path, as_text: bool) -> None:  # noqa: F811
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.encode_special_tokens = as_text
    fast, slow = Encoder(tokenizer, expected_bytes=BIG), Encoder(tokenizer)
    texts = [*ODD_TEXTS, "<|begin_of_text|>你好<|eot_id|> <|end_of_text|>"]
    a, b = fast.encode(texts), slow.encode(texts)
    assert (fast.is_fast, slow.is_fast) == (True, False)
    assert np.array_equal(a.ids_T, b.ids_T) and np.array_equal(a.ends_N, b.ends_N)


def test_a_tokenizer_that_the_other_cannot_have_is_encoded_by_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    # No pre-tokenizer and no byte alphabet: whatever fastokens makes of it, the ids are those of tokenizers.
    tokenizer = Tokenizer(
        BPE({"中": 0, "文": 1, "中文": 2, "[UNK]": 3}, [("中", "文")], unk_token="[UNK]", fuse_unk=True)
    )
    encoder = Encoder(tokenizer, expected_bytes=BIG)
    assert [row.tolist() for row in encoder.encode(["中文", "文中", "甲乙中"])] == [[2], [1, 0], [3, 0]]
    assert encoder.is_fast or "encoding with tokenizers" in capfd.readouterr().err


def test_truncation_is_left_to_tokenizers() -> None:
    vocab = json.loads('{"a": 0, "b": 1}')
    tokenizer = Tokenizer(BPE(vocab, []))
    tokenizer.enable_truncation(2)
    encoder = Encoder(tokenizer, expected_bytes=BIG)
    assert encoder.encode(["abab"]).ids_T.tolist() == [0, 1]
    assert not encoder.is_fast


def test_little_text_never_opens_the_fast_way(base: Path) -> None:  # noqa: F811
    encoder = Encoder(Tokenizer.from_file(str(base / "tokenizer.json")), expected_bytes=1000)
    encoder.encode(["一" * 300])
    assert not encoder.is_fast
