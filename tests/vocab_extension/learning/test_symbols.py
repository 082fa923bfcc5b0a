import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.vocab_extension.learning.symbols import CUT, Symbols
from hanhua.vocab_extension.learning.token_pattern import TokenPattern

SHAPE = TokenPattern(4, "all")
PIECES = ["用", "户", "名称", "，", " ", "，我", "一二三", "一二三四"]
BYTES = [
    *(piece.encode() for piece in PIECES),
    b"\xe8",
    b"\x9d\xb4",
    b"\x9d",
    b"\xb4",
    b"\xe8\x9d",
    b"abc",
    b"\xef\xbc",
]
PIECE = st.sampled_from(BYTES)


def symbols() -> Symbols:
    return Symbols(dict(enumerate(BYTES)), SHAPE, capacity=1)


def test_what_no_token_may_hold_is_the_cut() -> None:
    made = symbols()
    assert made.of_base_V[BYTES.index(b"abc")] == CUT
    numbers = made.of_base_V[made.of_base_V != CUT].tolist()
    assert numbers == list(range(1, len(BYTES)))
    assert b"abc" not in made
    assert "用".encode() in made


@given(PIECE, PIECE)
def test_joinable_is_what_the_shape_wants(left: bytes, right: bytes) -> None:
    made = symbols()
    a, b = (made.of_base_V[BYTES.index(piece)] for piece in (left, right))
    if CUT not in (a, b):
        # A mark with nothing but a prefix behind it is no token, and a prefix is one alone.
        assert made.joinable(np.array([a]), np.array([b])).tolist() == [SHAPE.is_wanted(left + right)]


@given(st.lists(PIECE, min_size=1, max_size=4))
def test_splits_are_all_the_ways_to_cut(parts: list[bytes]) -> None:
    made = symbols()
    data = b"".join(parts)
    cuts = {(data[:at], data[at:]) for at in range(1, len(data)) if data[:at] in made and data[at:] in made}
    assert {(made.bytes_of[a], made.bytes_of[b]) for a, b in made.splits(data)} == cuts


def test_products_of_other_lengths_have_numbers_of_their_own() -> None:
    made = symbols()
    numbers = [made.add("用户".encode(), cells=cells) for cells in (2, 3, 2)]
    assert len(set(numbers)) == 3  # the arrays have grown beyond their capacity of one as well
    assert made.cells_V[numbers].tolist() == [2, 3, 2]
    assert len(list(made.splits("用户名称".encode()))) == 3


def test_a_string_without_a_form_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no symbol"):
        symbols().add(b"abc", cells=1)
