from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.engine import intake
from hanhua.filtering.engine.intake import Batch, Intake


@pytest.fixture
def corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, CorpusConfig]:
    """Two corpora of three files and one, four records a file; batches of three records."""
    monkeypatch.setattr(intake, "BATCH_RECORDS", 3)
    for corpus, files in (("zh", 3), ("en", 1)):
        (tmp_path / corpus).mkdir()
        for n in range(files):
            records = [json.dumps({"text": f"{corpus}{n}.{k}"}) for k in range(4)]
            (tmp_path / corpus / f"{n}.jsonl").write_text("\n".join(records), encoding="utf-8")
    return {
        "zh": CorpusConfig(path=str(tmp_path / "zh"), max_documents=6),
        "en": CorpusConfig(path=str(tmp_path / "en"), max_documents=None),
    }


def texts(batches: list[Batch]) -> list[str]:
    return [text for batch in batches for text in batch.texts]


def test_no_more_than_so_many_documents_of_a_corpus_are_read(corpora: dict[str, CorpusConfig]) -> None:
    found = texts(list(Intake(corpora).batches()))
    assert found == ["zh0.0", "zh0.1", "zh0.2", "zh0.3", "zh1.0", "zh1.1", "en0.0", "en0.1", "en0.2", "en0.3"]


def test_reading_goes_on_behind_any_batch(corpora: dict[str, CorpusConfig]) -> None:
    every = texts(list(Intake(corpora).batches()))
    batches = list(Intake(corpora).batches())
    for n, last in enumerate(batches):
        rest = Intake(corpora).batches(source=last.source, records=last.records, of_corpus=last.of_corpus)
        assert texts(batches[: n + 1]) + texts(list(rest)) == every
