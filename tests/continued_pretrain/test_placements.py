"""One process, DDP and FSDP2, really started and really talking (gloo): the same losses, the same adapters."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from training_fixtures import ModelMaker

from hanhua.artifacts import Artifact
from hanhua.artifacts.files import read_json
from hanhua.continued_pretrain.merge import ADAPTER_FILE
from hanhua.continued_pretrain.train_log import read_rows
from hanhua.model_folder import check_sizes

STEPS = 20
PLACEMENTS = ("single", "ddp", "fsdp2")
SETTINGS: dict[str, Any] = {
    "sequence_length": 32,
    "micro_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "max_tokens": 32 * 4 * STEPS,
    "weights": {"zh": 0.75, "en_replay": 0.25},
    "learning_rate": 3e-3,
    "embedding_learning_rate": 3e-3,
    "lora": {"rank": 4, "alpha": 8},
    "gradient_checkpointing": True,
    "row_distillation": {"steps": 4, "learning_rate": 3e-3},
    "self_distillation": {"steps": 4, "rows_steps": 2, "embedding_learning_rate": 3e-3, "learning_rate": 3e-3},
    "threads": 1,
}


@dataclass(frozen=True)
class Finished:
    """A finished run."""

    out: Path
    said: str

    @property
    def facts(self) -> Any:
        return read_json(self.out / "manifest.json")["facts"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return read_rows(self.out / "logs" / "train.jsonl")

    @property
    def adapter(self) -> dict[str, torch.Tensor]:
        return load_file(self.out / "adapter" / ADAPTER_FILE)


def train(
    settings: dict[str, Any], model: Artifact, corpus: Artifact, out: Path, *, placement: str, check: bool = True
) -> Finished:
    """Run `hanhua train`; two processes make a step of one by half as many sequences each."""
    if placement != "single":
        half = settings["micro_batch_size"] // 2
        settings = {**settings, "micro_batch_size": half, "processes": 2, "parallel": placement}
    config = out.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(settings))
    program = [sys.executable, "-W", "error", "-m", "hanhua.cli.train", "--config", str(config), "--out", str(out)]
    inputs = ["--model", str(model.path), "--corpus", str(corpus.path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*program, *inputs], env=environment, capture_output=True, text=True)
    if check:
        assert done.returncode == 0, done.stderr
    return Finished(out, done.stderr)


@pytest.fixture(scope="module", params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["untied", "tied"])
def three(
    request: pytest.FixtureRequest, make_model: ModelMaker, corpus: Artifact, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Finished]:
    """The same run three times. Sequences differ in targets, so the processes' shares do too."""
    folder, model = tmp_path_factory.mktemp("placements"), make_model(tied=request.param)
    return {name: train(SETTINGS, model, corpus, folder / name, placement=name) for name in PLACEMENTS}


def test_each_lies_as_it_was_asked_to(three: dict[str, Finished]) -> None:
    assert {name: run.facts["placement"] for name, run in three.items()} == {name: name for name in PLACEMENTS}
    assert {name: run.facts["processes"] for name, run in three.items()} == {"single": 1, "ddp": 2, "fsdp2": 2}
    assert "fsdp2: as asked, so its weights are shared out" in three["fsdp2"].said
    # By type: the fact is written by the process that found torch's FSDPModule around the model and each layer.
    assert three["fsdp2"].facts["sharded_modules"] == 3
    assert three["ddp"].facts["sharded_modules"] == three["single"].facts["sharded_modules"] == 0


def test_losses_agree_to_five_decimals(three: dict[str, Finished]) -> None:
    single = [row["loss"] for row in three["single"].rows]
    assert len(single) == STEPS
    for name in ("ddp", "fsdp2"):
        assert [row["loss"] for row in three[name].rows] == pytest.approx(single, abs=5e-6), name
        norms = [row["grad_norm"] for row in three[name].rows]
        assert norms == pytest.approx([row["grad_norm"] for row in three["single"].rows], rel=2e-4), name


def test_every_trained_tensor_is_in_every_adapter(three: dict[str, Finished]) -> None:
    """Activation checkpointing is on: elsewhere that left 28 of 30 tensors out under FSDP."""
    single = three["single"].adapter
    assert len(single) == 2 * 7 * 2 + (2 if "lm_head" in str(single.keys()) else 1)
    for name in ("ddp", "fsdp2"):
        found = three[name].adapter
        assert found.keys() == single.keys()
        for key, tensor in found.items():
            assert tensor.shape == single[key].shape
            torch.testing.assert_close(tensor, single[key], rtol=2e-3, atol=2e-4)


def test_old_rows_are_bit_identical_after_the_merge(three: dict[str, Finished], make_model: ModelMaker) -> None:
    for run in three.values():
        after = load_file(run.out / "model" / "model.safetensors")
        tied = "lm_head.weight" not in after
        before = load_file(make_model(tied=tied).path / "model" / "model.safetensors")
        first = check_sizes(run.out / "model", first_new_id=None) - run.facts["new_rows"]
        for name in ("model.embed_tokens.weight", "lm_head.weight")[: 1 if tied else 2]:
            assert torch.equal(before[name][:first], after[name][:first])
            assert not torch.equal(before[name][first:], after[name][first:])


@pytest.mark.slow
@pytest.mark.parametrize("three", [False], indirect=True, ids=["untied"])
def test_a_run_goes_on_with_another_number_of_processes(
    three: dict[str, Finished], make_model: ModelMaker, corpus: Artifact, tmp_path: Path
) -> None:
    """Begun by one process, stopped by SIGTERM, ended by two with shared-out weights: the same steps."""
    out, model = tmp_path / "moved", make_model()
    begin({**SETTINGS, "save_steps": 1000}, model, corpus, out, stop_after=2)
    before = len(read_rows(out / "logs" / "train.jsonl"))
    assert 2 <= before < STEPS
    moved = train(SETTINGS, model, corpus, out, placement="fsdp2")
    assert f"resuming from the checkpoint of step {before}" in moved.said
    assert [row["step"] for row in moved.rows] == list(range(1, STEPS + 1))
    losses = [row["loss"] for row in three["single"].rows]
    assert [row["loss"] for row in moved.rows] == pytest.approx(losses, abs=5e-6)


def begin(settings: dict[str, Any], model: Artifact, corpus: Artifact, out: Path, *, stop_after: int) -> None:
    """Start a run and ask it to stop, as a scheduler would, once it has made some steps (0: begun to start)."""
    config = out.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(settings))
    program = [sys.executable, "-W", "error", "-m", "hanhua.cli.train", "--config", str(config), "--out", str(out)]
    inputs = ["--model", str(model.path), "--corpus", str(corpus.path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([*program, *inputs], env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    begun = out / "logs" / "process-0.log"
    while not begun.is_file() if stop_after == 0 else len(read_rows(out / "logs" / "train.jsonl")) < stop_after:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert ("asked to stop" in said) == (stop_after > 0), said


@pytest.mark.slow
def test_sigterm_saves_the_step_in_every_process_and_the_rest_follows_on(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    # So many steps that the signal comes in the midst of them, however late this process is told of the fifth.
    settings |= {"max_tokens": 64 * 4 * 300, "save_steps": 1000, "processes": 2, "parallel": "fsdp2"}
    settings["micro_batch_size"] = 1
    whole = train(settings, resized, corpus, tmp_path / "whole", placement="single")
    begin(settings, resized, corpus, tmp_path / "stopped", stop_after=5)
    stopped = train(settings, resized, corpus, tmp_path / "stopped", placement="single")
    assert "resuming from the checkpoint of step" in stopped.said
    for name, tensor in whole.adapter.items():
        assert torch.equal(tensor, stopped.adapter[name]), name


@pytest.mark.slow
def test_sigterm_while_processes_are_being_started_ends_them(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    begin({**settings, "processes": 2}, resized, corpus, tmp_path / "early", stop_after=0)


@pytest.mark.slow
def test_a_process_that_fails_ends_the_others_and_says_why(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    wild = {
        **settings,
        "learning_rate": 1e30,
        "embedding_learning_rate": 1e30,
        "max_grad_norm": None,
        "warmup_ratio": 0.0,
    }
    run = train(wild, resized, corpus, tmp_path / "wild", placement="ddp", check=False)
    assert "stopped before the weights were damaged" in run.said
    assert "of 2 ended with code 1" in run.said
    assert not (tmp_path / "wild" / "manifest.json").exists()
