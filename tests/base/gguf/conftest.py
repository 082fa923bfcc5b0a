"""A small vocabulary that every test of GGUF files shares, and the file of a small model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mixed_texts import mixed_texts

if TYPE_CHECKING:
    from small_gguf import Vocabulary


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")
    from small_gguf import trained_vocabulary

    return trained_vocabulary(mixed_texts(400, seed=1), 1500)


@pytest.fixture
def small_file(tmp_path: Path, vocabulary: Vocabulary) -> Path:
    from small_gguf import Small, write_small_gguf

    path = tmp_path / "small.gguf"
    write_small_gguf(path, Small(), vocabulary)
    return path
