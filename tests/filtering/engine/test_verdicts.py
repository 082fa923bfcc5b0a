"""Texts judged in tasks, on other machines: the corpus made from their verdicts is the same to the byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from test_stage import MESSY, files_of, run, write_jsonl

from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig

pytest.importorskip("datatrove")
from hanhua.filtering.engine.datatrove_run import verdict_executor
from hanhua.filtering.engine.intake import portions_of

SETTINGS = FilteringConfig.model_validate({"heldout_ratio": 0.2, "workers": 1, "pii": {"mode": "mask"}})
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def corpora(tmp_path: Path) -> dict[str, CorpusConfig]:
    """Two corpora: many small files, one of them with a broken record, and one of which only a part is read."""
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(5):
        write_jsonl(texts / f"{number}.jsonl", MESSY[20 + number :: 5])
    with (texts / "3.jsonl").open("a", encoding="utf-8") as file:
        file.write("{no JSON\n")
    limited = tmp_path / "limited"
    limited.mkdir()
    for number in range(2):
        write_jsonl(limited / f"{number}.jsonl", MESSY[10 * number : 10 * number + 9])
    limit = CorpusConfig.model_validate({"path": str(limited), "max_documents": 11})
    return {"zh": CorpusConfig.model_validate({"path": str(texts)}), "part": limit}


def judge(out: Path, corpora: dict[str, CorpusConfig], tasks: list[int], *, of: int, workers: int = 1) -> None:
    for task in tasks:
        verdict_executor(SETTINGS, corpora, out, task=task, tasks=of, workers=workers).run()


def made(out: Path, corpora: dict[str, CorpusConfig]) -> dict[str, bytes]:
    run(out, corpora, **SETTINGS.model_dump())
    shutil.rmtree(out / "work", ignore_errors=True)
    return files_of(out)


@pytest.mark.parametrize("tasks", [1, 4])
def test_the_corpus_is_the_same_to_the_byte(
    tasks: int, corpora: dict[str, CorpusConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = made(tmp_path / "alone", corpora)
    assert "all texts have been judged" not in capsys.readouterr().err
    # In any order, as an array's tasks come and go.
    judge(tmp_path / "many", corpora, list(reversed(range(tasks))), of=tasks)
    assert made(tmp_path / "many", corpora) == alone
    assert "all texts have been judged" in capsys.readouterr().err
    assert "rejected/samples.jsonl" in alone and len(portions_of(corpora)) == 6


def test_a_task_that_is_not_done_is_waited_for_by_nobody(
    corpora: dict[str, CorpusConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(tmp_path / "half", corpora, [0, 2], of=3)
    assert made(tmp_path / "half", corpora) == made(tmp_path / "alone", corpora)
    assert "all texts have been judged" not in capsys.readouterr().err


def test_verdicts_on_other_texts_are_not_used(
    corpora: dict[str, CorpusConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(tmp_path / "out", corpora, [0, 1], of=2)
    write_jsonl(Path(corpora["zh"].path) / "0.jsonl", ["山里的雪化了以后，溪水漫过了石桥，孩子们都去看。" * 2])
    texts = made(tmp_path / "out", corpora)
    assert texts == made(tmp_path / "alone", corpora)
    assert "all texts have been judged" not in capsys.readouterr().err


def test_a_task_that_is_done_is_not_done_again(corpora: dict[str, CorpusConfig], tmp_path: Path) -> None:
    judge(tmp_path / "out", corpora, [0], of=2)
    (found,) = (tmp_path / "out" / "work" / "verdicts").glob("*/*.zst")
    before = found.stat().st_mtime_ns
    judge(tmp_path / "out", corpora, [0, 1], of=2)
    assert found.stat().st_mtime_ns == before and len(list(found.parent.iterdir())) == 2
    assert json.loads((tmp_path / "out" / "logs" / "task-00000" / "stats.json").read_text())
