"""A corpus's files: a file, a folder or a pattern, sorted, and none of a set on the Hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.jsonl.zst", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_files_come_sorted(folder: Path) -> None:
    def names(path: object) -> list[str]:
        return [one.name for one in CorpusConfig(path=str(path)).files()]

    assert names(folder) == ["a.jsonl.zst", "b.jsonl", "c.txt"]
    assert names(folder / "*.jsonl*") == ["a.jsonl.zst", "b.jsonl"]
    assert names(folder / "b.jsonl") == ["b.jsonl"]
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        names(folder / "nowhere.jsonl")


def test_a_set_on_the_hub_is_one_source_and_no_file() -> None:
    config = CorpusConfig(path="hf://datasets/org/name@abc")
    assert config.sources() == ["hf://datasets/org/name@abc"] and config.files() == []
