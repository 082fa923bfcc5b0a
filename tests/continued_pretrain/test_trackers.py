"""What is told to others as training goes on: the cost, and trackers that a run asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hanhua.artifacts import Artifact
from hanhua.artifacts.files import read_json
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator
from hanhua.continued_pretrain.start import dollars_per_hour
from hanhua.continued_pretrain.trackers import check_trackers, flattened
from hanhua.continued_pretrain.train_log import Speed, TrainLog, read_rows
from hanhua.errors import UsageError


def test_what_is_not_installed_is_refused_before_the_work() -> None:
    check_trackers([])
    with pytest.raises(UsageError, match="report_to: clearml is not installed"):
        check_trackers(["clearml"])


def test_settings_are_flat_for_trackers_that_take_no_others() -> None:
    config = ContinuedPretrainConfig.model_validate({"lora": {"rank": 8}, "weights": {"zh": 1.0}})
    flat = dict(flattened(config.model_dump(mode="json")))
    assert flat["lora.rank"] == 8 and flat["weights.zh"] == 1.0
    assert all(value is None or isinstance(value, (str, int, float, bool)) for value in flat.values())


def test_a_price_counts_on_devices_of_its_kind() -> None:
    def rate(price: dict[str, Any] | None) -> float | None:
        return dollars_per_hour(ContinuedPretrainConfig.model_validate({"price": price}), make_accelerator("fp32"))

    assert rate(None) is None
    assert rate({"dollars_per_hour": 2.5}) is None, "a GPU's, and this runs on a CPU"
    assert rate({"dollars_per_hour": 0.5, "device": "cpu"}) == 0.5


def test_cost_goes_on_after_a_stop(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"step": 1, "tokens": 8, "seconds": 1800.0}\n', encoding="utf-8")
    with TrainLog(tmp_path, done=1, speed=Speed(1.0, None, dollars_per_hour=3.0)) as log:
        assert log.dollars == 1.5
    with TrainLog(tmp_path, done=0) as log:
        assert log.dollars is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tracker", "files"), [("wandb", "wandb/offline-run-*/run-*.wandb"), ("swanlab", "run-*/run-*.swanlab")]
)
def test_a_tracker_offline_is_told_what_the_log_says_and_goes_on_with_its_run(
    tracker: str, files: str, settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    """Over a stop. Begun through the command line, as W&B keeps a server of its own that a test process would share."""
    pytest.importorskip(tracker)
    config, out = tmp_path / "settings.yaml", tmp_path / "out"
    price = {"dollars_per_hour": 3600.0, "device": "cpu"}
    bad = {"learning_rate": 1e30, "embedding_learning_rate": 1e30, "max_grad_norm": None, "warmup_ratio": 0.0}
    wild = {**settings, **bad, "save_steps": 1, "report_to": [tracker], "price": price}
    config.write_text(yaml.safe_dump(wild))
    command = [sys.executable, "-m", "hanhua.cli.train", "--config", str(config), "--out", str(out)]
    inputs = ["--model", str(resized.path), "--corpus", str(corpus.path)]
    offline = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "SWANLAB_MODE": "offline"}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **offline}
    for _ in range(2):  # it stops after its first step, goes on, and stops again
        done = subprocess.run([*command, *inputs], env=environment, capture_output=True, text=True)
        assert done.returncode == 1 and "before the weights were damaged" in done.stderr, done.stderr
    row = read_rows(out / "logs" / "train.jsonl")[-1]
    assert row["dollars"] == pytest.approx(row["seconds"], abs=1e-3), "a dollar a second"
    kept = sorted((out / "logs").glob(files))
    run_id = read_json(out / "logs" / "trackers.json")["id"]
    assert len(kept) == 2 and {path.stem for path in kept} == {f"run-{run_id}"}
    written = b"".join(path.read_bytes() for path in kept[0].parent.rglob("*") if path.is_file())
    for word in ("train/loss", "train/grad_norm", "train/dollars", "bits_per_character/zh", "lora.rank"):
        assert word.encode() in written, word
