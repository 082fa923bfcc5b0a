from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.resize.pieces import base_part, character_weights, plan_rows, token_name, unread_ids
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file
from hanhua.zh_text.scripts import is_han_prefix

HAN_PREFIXES = (b"\xe8\x9d", b"\xf0\xa0", b"\xf0\xa0\x80")


@given(st.text(min_size=1, max_size=8), st.data())
def test_weights_of_a_text_sum_to_its_characters(text: str, data: st.DataObject) -> None:
    token = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(token) - 1)), max_size=6)) - {len(token)})
    ends = [0, *cuts, len(token)]
    weights = character_weights(token, [b - a for a, b in pairwise(ends)])
    assert sum(weights) == pytest.approx(len(text))
    assert all(weight > 0 for weight in weights)


@pytest.mark.parametrize(
    ("token", "lengths", "weights"),
    [
        (b"\xe8\x9d", [1, 1], [1 / 3, 1 / 3]),
        (b"\xf0\xa0", [1, 1], [1 / 4, 1 / 4]),
        (b" \xe8\x9d", [1, 1, 1], [1, 1 / 3, 1 / 3]),
        ("，我们".encode(), [3, 6], [1, 2]),
    ],
)
def test_parts_of_characters_weigh_their_share(token: bytes, lengths: list[int], weights: list[float]) -> None:
    assert character_weights(token, lengths) == pytest.approx(weights)


def test_pieces_are_the_bases_and_spell_the_token(base_file: BpeFile) -> None:
    assert all(is_han_prefix(prefix) for prefix in HAN_PREFIXES)
    tokens = [*HAN_PREFIXES, "我们".encode(), "，我们".encode(), b" \xe8\x9d"]
    file = extended(base_file, tokens)
    first = base_file.size
    plan = plan_rows(file, first, file.size)
    for token, ids, weights in zip(tokens, plan.pieces, plan.weights, strict=True):
        assert b"".join(base_file.bytes_of[id_] for id_ in ids) == token
        assert len(ids) == len(weights)
        assert max(ids) < first
    assert {base_file.bytes_of[int(id_)].decode() for id_ in plan.han_ids} >= {"的"}


def test_the_base_is_got_back_from_what_extends_it(base_file: BpeFile, extension: Path) -> None:
    found = base_part(read_bpe_file(extension), base_file.size)
    assert found.merges == base_file.merges
    assert base_file.vocab.items() <= found.vocab.items()


@pytest.mark.slow
def test_unread_ids_of_the_real_base_are_special_unreachable_or_no_utf8(llama3: Path) -> None:
    file = read_bpe_file(llama3)
    unread = set(unread_ids(file, file.size + 10).tolist())
    assert unread >= set(range(128_000, 128_266))
    ordinary = {file.bytes_of[id_] for id_ in unread if id_ < 128_000}
    assert {bytes([byte]) for byte in (0xC0, 0xC1, 0xF5, 0xFF)} <= ordinary
    assert len(ordinary) < 700
    assert "你好".encode() not in ordinary


def test_tokens_are_named_as_people_know_them(base_file: BpeFile) -> None:
    ids = {data: id_ for id_, data in base_file.bytes_of.items()}
    assert token_name(base_file, ids["的".encode()]) == "的"
    assert token_name(base_file, ids[b"\xe4"]) == "<0xE4>"
    assert token_name(base_file, 768) == "<|begin_of_text|>"
    assert token_name(base_file, 5000) == "#5000"
    assert np.array_equal(unread_ids(base_file, 1030)[-6:], np.arange(1024, 1030))
