"""The trained quality score: what it learns, that it is read back as written, and the rule that asks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from story_words import ACTS, SUBJECTS
from typer.testing import CliRunner

from hanhua.cli.filter import app
from hanhua.errors import InputError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge
from hanhua.filtering.quality_model.model import QualityModel, load_quality_model, save_quality_model
from hanhua.filtering.quality_model.training import train_quality_model
from hanhua.zh_text.folding import code_points, fold

SHOPS = ("旗舰店", "专营店", "折扣店", "代购店")
GOODS = ("手机壳", "运动鞋", "充电宝", "保温杯", "数据线")
GOOD = [
    f"{who}{act}，后来又{other}，日子就这样过去。" for who in SUBJECTS for act in ACTS for other in ACTS if act != other
]
BAD = [
    f"{shop}爆款{goods}包邮秒杀 点击购买 收藏店铺 {n}折起 立即下单"
    for shop in SHOPS
    for goods in GOODS
    for n in (3, 5, 7)
]


@pytest.fixture(scope="module")
def trained() -> QualityModel:
    return train_quality_model(GOOD, BAD, facts={"from": "a test"}, column_bits=14)


def score(model: QualityModel, text: str) -> float:
    return model.score(code_points(fold(text).text))


def test_it_tells_the_two_kinds_apart(trained: QualityModel) -> None:
    assert trained.facts["documents"] == {"good": len(GOOD), "bad": len(BAD)}
    assert trained.facts["held_out_folds"]["area_under_roc"] > 0.95
    assert (
        score(trained, "山那边的老人教孩子补网，等雨停了才回家。")
        > 0.5
        > score(trained, "包邮秒杀，点击购买，立即下单。")
    )


def test_a_document_is_worth_what_most_of_it_is_worth(trained: QualityModel) -> None:
    page, advertisement = "".join(GOOD[:30]), "".join(BAD[:2])
    assert score(trained, page + advertisement) > 0.5 > score(trained, advertisement * 15 + GOOD[0])


def test_how_many_there_are_of_each_kind_does_not_count(trained: QualityModel) -> None:
    few = train_quality_model(GOOD, BAD[:12], facts={}, column_bits=14)
    neither = "今天的天气预报说明天有风。"
    assert abs(score(few, neither) - score(trained, neither)) < 0.35
    assert few.facts["held_out_folds"]["bad_kept_at_half"] < 0.3


def test_training_is_deterministic_and_survives_the_disk(trained: QualityModel, tmp_path: Path) -> None:
    again = train_quality_model(GOOD, BAD, facts={}, column_bits=14)
    assert np.array_equal(again.weights, trained.weights) and again.offset == trained.offset
    save_quality_model(trained, tmp_path)
    read = load_quality_model(tmp_path)
    assert [score(read, text) for text in GOOD[:5]] == [score(trained, text) for text in GOOD[:5]]
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_a_folder_that_is_no_model_is_named(trained: QualityModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_quality_model(tmp_path / "absent")
    for name, change in (("format", {"format": "another"}), ("slope", {"slope": None})):
        folder = tmp_path / name
        save_quality_model(trained, folder)
        config = json.loads((folder / "quality.json").read_text())
        (folder / "quality.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(InputError, match="train"):
            load_quality_model(folder)
    save_quality_model(trained, tmp_path / "cut")
    (tmp_path / "cut" / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(InputError, match="not a whole quality model"):
        load_quality_model(tmp_path / "cut")


def test_too_few_documents_are_refused() -> None:
    with pytest.raises(InputError, match="4 bad documents"):
        train_quality_model(GOOD, BAD[:4], facts={})


def test_labels_that_say_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="nothing can be learned"):
        train_quality_model(GOOD[:40], GOOD[:40], facts={})


def test_the_rule_rejects_below_the_least_score_and_reports_it(trained: QualityModel, tmp_path: Path) -> None:
    save_quality_model(trained, tmp_path)

    def judged(text: str, language: str = "zh", **quality: Any) -> tuple[bool, str | None]:
        config = FilteringConfig.model_validate(
            {"preset": "none", "quality": {"model": str(tmp_path), **quality}, "duplicates": {"near": False}}
        )
        verdict = Judge(config).judge(text, language=language).verdict
        return verdict.keep, verdict.reason

    assert judged(GOOD[0])[0]
    assert judged(BAD[0]) == (False, "quality.score")
    assert judged(BAD[0], min_model_score=0.0)[0]
    assert not judged(GOOD[0], min_model_score=1.0)[0]
    assert judged(BAD[0], language="en")[0]


def test_the_command_trains_and_says_how_well(tmp_path: Path) -> None:
    for name, texts in (("good", GOOD), ("bad", BAD)):
        rows = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    files = ["--good", str(tmp_path / "good.jsonl"), "--bad", str(tmp_path / "bad.jsonl")]
    done = CliRunner().invoke(app, ["train-quality", *files, "--out", str(tmp_path / "model"), "--column-bits", "14"])
    assert done.exit_code == 0, done.output
    assert "area under roc" in done.output and load_quality_model(tmp_path / "model").facts["good"] == ["good.jsonl"]
    again = CliRunner().invoke(app, ["train-quality", *files, "--out", str(tmp_path / "model")])
    assert isinstance(again.exception, InputError) and "not empty" in str(again.exception)
