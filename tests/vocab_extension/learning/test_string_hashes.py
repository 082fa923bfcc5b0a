"""The hash of a string is its own: whatever stands before it in the array, and however the array is cut."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from hanhua.vocab_extension.learning import string_hashes
from hanhua.vocab_extension.learning.string_hashes import bytes_of, hashes_of


@given(st.lists(st.text("一二三 ，a\x00", max_size=4), unique=True, max_size=30), st.integers(0, 5))
def test_each_string_has_its_own_hash_wherever_it_stands(strings: list[str], skipped: int) -> None:
    array = pa.array(["，前", *strings], type=pa.large_string()).slice(skipped)
    hash_S = hashes_of(array)
    assert len(set(hash_S.tolist())) == len(array)
    alone = [int(hashes_of([string])[0]) for string in array.to_pylist()]
    assert hash_S.tolist() == alone


def test_many_strings_share_no_hash_and_fill_all_bits() -> None:
    strings = [f"{a}{b}" for a in map(chr, range(0x4E00, 0x4E00 + 300)) for b in map(chr, range(0x4E00, 0x4E00 + 300))]
    hash_S = hashes_of(strings)
    assert len(np.unique(hash_S)) == len(strings) > string_hashes._AT_ONCE
    for bit in range(64):
        share = float((hash_S >> np.uint64(bit) & np.uint64(1)).mean())
        assert 0.48 < share < 0.52


def test_the_bytes_of_a_slice_are_its_own() -> None:
    array = pa.array(["甲", "", "乙丙"], type=pa.large_string())
    data_B, ends = bytes_of(array.slice(1))
    assert (data_B.tobytes().decode(), ends.tolist()) == ("乙丙", [0, 0, 6])
    assert hashes_of(pa.array([], type=pa.large_string())).tolist() == []
