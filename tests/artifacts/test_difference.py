"""Differences between two materials: every field that differs, once, and none that does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.artifacts.fingerprint import canonical, difference, fingerprint

FLAT = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 3) | st.sampled_from(["x", "y"]), max_size=4)
NESTED = st.fixed_dictionaries({"config": FLAT, "inputs": FLAT, "stage": st.sampled_from(["eval", "base"])})


@given(NESTED, NESTED)
def test_materials_differ_where_their_fingerprints_do(one: dict, other: dict) -> None:
    lines = difference(one, other)
    assert bool(lines) == (fingerprint(one) != fingerprint(other))
    named = [line.split(": ")[0] for line in lines]
    assert named == sorted(set(named))
    expected = {f"{part}.{key}" for part in ("config", "inputs") for key in {*one[part], *other[part]}
                if one[part].get(key) != other[part].get(key)}  # fmt: skip
    assert set(named) == expected | ({"stage"} if one["stage"] != other["stage"] else set())


@given(NESTED, NESTED)
def test_there_and_back_are_the_same_fields_turned_round(one: dict, other: dict) -> None:
    def turned(line: str) -> str:
        field, values = line.split(": ", 1)
        before, after = values.split(" → ")
        return f"{field}: {after} → {before}"

    assert list(map(turned, difference(one, other))) == difference(other, one)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ({"a": "0" * 64}, {"a": "f" * 64}, 'a: 00000000 → ffffffff'),
        ({"a": "g" * 64}, {"a": None}, f'a: "{"g" * 64}" → null'),
        ({"a": "x" * 90}, {"a": 1}, f'a: "{"x" * 59}… (92 characters) → 1'),
        ({"a": {"b": 1}}, {"a": 2}, 'a: {"b": 1} → 2'),
        ({"a": [1]}, {"a": [2]}, "a: [1] → [2]"),
        ({}, {"文": True}, "文: null → true"),
    ],
)  # fmt: skip
def test_values_are_shown_short(old: dict, new: dict, line: str) -> None:
    assert difference(canonical(old), canonical(new)) == [line]
