from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hanhua.base_tokenizer import load_base_tokenizer
from hanhua.bits import bytes_to_token, token_byte_lengths, token_to_bytes


@given(st.binary())
def test_bytes_survive_the_byte_level_alphabet(data: bytes) -> None:
    assert token_to_bytes(bytes_to_token(data)) == data


def test_token_byte_lengths_add_up_to_the_text() -> None:
    tokenizer = load_base_tokenizer("llama3")
    lengths = token_byte_lengths(tokenizer)
    assert lengths.shape == (128_256,)
    assert not lengths[128_000:].any()
    for text in ("你好，世界 🌏", "龘靐齉", " plain English\n\n", "ひらがな 한글 ümläut"):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert int(np.sum(lengths[ids])) == len(text.encode())
