from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.vocab_extension.proof.han_bytes import HAS_HAN, completed, fault_of, whole_and_rest, witness
from hanhua.zh_text.scripts import is_han_prefix

# Of all lengths in UTF-8, and of the neighbors of Han: kana, hexagrams, emoji, radicals.
CHARACTERS = st.one_of(
    st.characters(codec="utf-8"),
    st.sampled_from("aéß的我蝴〇々𠮷㐀䶿䷀一鿿豈むア가😀\u3000⼀𝒜\U0003ffff\U00040000\ufaff\ufb00"),
)
TEXTS = st.lists(CHARACTERS, max_size=6).map("".join)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ("我们".encode(), None),
        ("，我".encode(), None),
        (" 我".encode(), None),
        ("A股".encode(), None),
        (b"\xe8\x9d", None),
        (b"\xf0\xa0", None),
        (b"\xf0\xa0\xae", None),
        (b"\xe5", None),
        ("，".encode() + b"\xe8\x9d", None),
        ("你".encode() + b"\xe8\x9d", None),
        (b"\xe3\x82", "need not be Han"),
        (b"\xf0\x9f", "need not be Han"),
        (b"\xe4\xb7", "need not be Han"),
        (b"\xe4", "need not be Han"),
        (b"\xf0", "need not be Han"),
        (b"\xe3\x80", "need not be Han"),
        (b"\xef\xbc", "need not be Han"),
        (b"\xc3", "need not be Han"),
        ("你".encode() + b"\xe3\x82", "need not be Han"),
        (b"\x9d\xb4", "begins inside a character"),
        (b"\xb4" + "你".encode(), "begins inside a character"),
        (b"\x9d\xb4\xe8\x9d", "begins inside a character"),
        (b"\xe4\xe4", "not UTF-8"),
        (b"\xe8\x9d\x41", "not UTF-8"),
        (b"\xe8\x9d" + "你".encode(), "not UTF-8"),
        (b"\xc0\x80", "not UTF-8"),
        (b"\xed\xa0", "not UTF-8"),
        (b"\xf5\x80", "not UTF-8"),
        (b"th", "has no Han character"),
        ("，".encode(), "has no Han character"),
        ("カ".encode(), "has no Han character"),
        (b"", "has no Han character"),
    ],
)
def test_which_bytes_may_be_a_new_token(data: bytes, fault: str | None) -> None:
    found = fault_of(data)
    assert found is None if fault is None else fault in (found or "")


@given(TEXTS, st.integers(0, 24), st.integers(0, 24))
def test_bytes_without_fault_stand_only_in_text_with_han(text: str, begin: int, end: int) -> None:
    part = text.encode()[begin:end]
    if fault_of(part) is None:
        assert HAS_HAN.search(text)


@given(TEXTS, st.integers(0, 24), st.integers(0, 24))
def test_every_other_part_of_a_text_has_a_witness_unless_a_whole_han_is_in_it(text: str, begin: int, end: int) -> None:
    part = text.encode()[begin:end]
    found = witness(part)
    if found is not None:
        assert part in found.encode()
        assert not HAS_HAN.search(found)
        assert fault_of(part) is not None
    elif fault_of(part) is not None:
        rest = whole_and_rest(part.lstrip(_ENDS))[1]
        assert HAS_HAN.search(part.decode("utf-8", "ignore")) or han_alone_begins_so()[rest]


_ENDS = bytes(range(0x80, 0xC0))


@cache
def han_alone_begins_so() -> dict[bytes, bool]:
    """Every beginning of every character, and whether all characters that begin so are Han."""
    found: dict[bytes, bool] = {}
    for code in [*range(0x80, 0xD800), *range(0xE000, 0x110000)]:
        character = chr(code)
        data, han = character.encode(), HAS_HAN.match(character) is not None
        for size in range(1, len(data)):
            found[data[:size]] = found.get(data[:size], True) and han
    return found


@given(st.binary(min_size=2, max_size=3))
def test_a_lone_beginning_is_judged_as_the_learner_judges_it(data: bytes) -> None:
    lone = data[0] >= 0xC2 and all(byte & 0xC0 == 0x80 for byte in data[1:])
    if lone and is_han_prefix(data):
        assert fault_of(data) is None
        assert completed(data).encode().startswith(data)


def test_the_beginnings_are_all_judged_alike() -> None:
    for lead in range(0xC2, 0xF5):
        for second in range(0x80, 0xC0):
            data = bytes([lead, second])
            try:
                whole, rest = whole_and_rest(data)
            except UnicodeDecodeError:
                continue
            if rest and not whole:
                assert (fault_of(data) is None) == is_han_prefix(data), data.hex()
