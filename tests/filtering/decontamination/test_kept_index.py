"""The index of questions is made once, is the same from the cache, and is made again when anything changed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hanhua.filtering.decontamination import kept_index
from hanhua.filtering.decontamination.kept_index import build_index
from hanhua.filtering.decontamination.settings import DecontaminationConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.shingles import widen

STEM = "某人从河的上游划船到下游用去三个小时，原路返回用去五个小时，问水流的速度是船速的几分之几"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hanhua" / "benchmarks"


def exam(folder: Path, stem: str = STEM) -> DecontaminationConfig:
    with (folder / "exam.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["question", "A", "B", "C", "D", "answer"])
        rows.writerows(
            [stem + str(number), "四分之一", "五分之一", "三分之一", "二分之一", "A"] for number in range(50)
        )
    return DecontaminationConfig(benchmarks=(str(folder / "exam.csv"),))


def held(config: DecontaminationConfig, text: str) -> list[str]:
    index = build_index(config)
    assert index is not None
    return [one.place for one in index.find(widen(Draft(text).shingles), min_overlap=0.5)]


def test_the_kept_index_finds_what_a_new_one_finds(cache: Path, tmp_path: Path) -> None:
    config = exam(tmp_path, "问：" + STEM + "第")
    first = held(config, STEM + "第7 四分之一 五分之一")
    (kept,) = cache.glob("*.npz")
    made = kept.stat().st_ino
    assert first == held(config, STEM + "第7 四分之一 五分之一") and kept.stat().st_ino == made
    kept.write_bytes(kept.read_bytes()[:1000])
    assert held(config, STEM + "第7 四分之一 五分之一") == first, "a damaged one is made again"


def test_other_questions_or_limits_are_another_index(cache: Path, tmp_path: Path) -> None:
    config = exam(tmp_path)
    build_index(config)
    build_index(config.model_copy(update={"min_characters": 30}))
    build_index(exam(tmp_path, "另一道题：" + STEM))
    assert len(list(cache.glob("*.npz"))) == 3


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert build_index(exam(tmp_path)) is not None


def test_it_is_read_once_however_many_workers_there_are(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hanhua.documents.sources import CorpusConfig
    from hanhua.filtering.config import FilteringConfig
    from hanhua.filtering.stage import filter_corpora
    from hanhua.services import Services

    (tmp_path / "texts.jsonl").write_text(
        "".join(
            f'{{"text": "第{n}天，老张推着车出门，先到桥头买两个烧饼，再绕到河边看一会儿别人下棋。"}}\n'
            for n in range(40)
        ),
        encoding="utf-8",
    )
    config = FilteringConfig.model_validate(
        {
            "decontamination": exam(tmp_path).model_dump(),
            "workers": 2,
            "duplicates": {"near": False},
            "harm": {"enabled": False},
        }
    )
    filter_corpora(
        config, {"zh": CorpusConfig(path=str(tmp_path / "texts.jsonl"))}, tmp_path / "out", services=Services()
    )
    assert len(list(cache.glob("*.npz"))) == 1
    monkeypatch.setattr(kept_index, "read_questions", lambda path: pytest.fail("read again"))
    assert build_index(config.decontamination) is not None
