from __future__ import annotations

from pathlib import Path

import pytest

from hanhua.documents import corpus
from hanhua.documents.corpus import Document, read_corpus, write_corpus


def documents(count: int) -> list[Document]:
    return [
        Document(f"zh:a#{i}", "文" * (i + 1), "zh" if i % 3 else "en", split="heldout" if i % 5 == 0 else "train")
        for i in range(count)
    ]


def test_what_is_written_comes_back_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "PART_BYTES", 500)
    written = documents(40)
    assert write_corpus(tmp_path, iter(written)) == 40
    assert len(list(tmp_path.glob("part-*.jsonl.zst"))) > 3
    assert list(read_corpus(tmp_path)) == written
    assert list(read_corpus(tmp_path, split="heldout", corpora=["zh"])) == [
        d for d in written if d.split == "heldout" and d.corpus == "zh"
    ]


def test_the_same_documents_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_corpus(tmp_path / name, documents(10))
    assert (tmp_path / "one/part-00000.jsonl.zst").read_bytes() == (tmp_path / "two/part-00000.jsonl.zst").read_bytes()
