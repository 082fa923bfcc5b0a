from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.artifacts.fingerprint import canonical, difference, fingerprint

json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_data)
def test_equal_data_has_one_fingerprint_and_no_difference(data: object) -> None:
    assert fingerprint(data) == fingerprint(canonical(data))
    assert difference(canonical(data), canonical(data)) == []


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_order_of_keys_does_not_matter(data: dict[str, int]) -> None:
    assert fingerprint(data) == fingerprint(dict(reversed(data.items())))


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (1, 1.5), (None, False), ([], {}), ("", None), ([1, 2], [2, 1])])
def test_different_data_has_different_fingerprints(one: object, other: object) -> None:
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), float("inf"), {1: 2}, len, b"x"])
def test_what_has_no_stable_form_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(TypeError, match=r"value\.a\[0\]: cannot fingerprint"):
        fingerprint({"a": [value]})


def test_dataclasses_and_paths_are_data() -> None:
    @dataclass
    class Config:
        path: Path
        size: int

    assert canonical(Config(Path("a/b"), 3)) == {"path": "a/b", "size": 3}


def test_difference_names_every_field() -> None:
    old = {"config": {"rank": 8, "lr": 0.1}, "code": "a"}
    new = {"config": {"rank": 16, "lr": 0.1, "seed": 0}, "code": "a"}
    assert difference(old, new) == ["config.rank: 8 → 16", "config.seed: null → 0"]
