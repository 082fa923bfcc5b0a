"""What is kept comes back whole or not at all, whatever other processes do to the folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hanhua.user_cache import cached_file, keep_file, read_arrays


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cached_file("numbers", ["all it depends on"], suffix=".npz")


def keep(place: Path, number: int) -> None:
    keep_file(place, partial(np.savez, numbers=np.arange(number)), most=2)  # type: ignore[arg-type]


def test_a_file_comes_back_as_it_was(place: Path) -> None:
    keep(place, 50)
    found = read_arrays(place)
    assert found is not None and found["numbers"].tolist() == list(range(50))


def test_a_file_cut_anywhere_is_no_file(place: Path) -> None:
    keep(place, 50)
    whole = place.read_bytes()
    for length in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        place.write_bytes(whole[:length])
        assert read_arrays(place) is None, length


def test_reading_leaves_nothing_where_nothing_was(place: Path) -> None:
    assert read_arrays(place) is None and not place.exists()


def test_a_file_another_process_removes_while_it_is_read_stays_removed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(place, 50)
    load = np.load

    def removed_meanwhile(*arguments: object, **options: object) -> object:
        place.unlink()
        return load(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(np, "load", removed_meanwhile)
    read_arrays(place)
    assert not place.exists()


def test_one_that_was_read_outlives_one_that_was_not(place: Path) -> None:
    keep(place, 50)
    other, third = (place.with_name(f"{name}.npz") for name in ("other", "third"))
    keep(other, 60)
    read_arrays(place)
    keep(third, 70)
    assert place.exists() and third.exists() and not other.exists()
