"""Each optimizer by its name learns, moves what it should, and goes on from a checkpoint as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.memory_parts import memory_parts
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.model_shapes import SHAPES
from hanhua.continued_pretrain.optimizers import Optimizers, make_optimizer
from hanhua.continued_pretrain.trained import trainable_parameters
from hanhua.errors import InvariantError, MissingExtra, UsageError

BATCH = torch.arange(300, 364).reshape(1, 64)


def without_package(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return True
    return False


NAMES = [
    "adamw",
    "muon",
    pytest.param(
        "adamw_8bit",
        marks=pytest.mark.skipif(without_package("bitsandbytes"), reason="bitsandbytes is not installed"),
    ),
]


def begin(artifact: Artifact, name: str, **changes: Any) -> tuple[TrainingModel, Optimizers]:
    config = ContinuedPretrainConfig.model_validate({"optimizer": name, "lora": {"rank": 8}, **changes})
    first = artifact.facts["first_new_id"]
    model = build_training_model(artifact.path / "model", config, first_new_id=first, dtype=torch.float32)
    return model, make_optimizer(model, config, trainable_parameters(model), placement="single")


def steps(model: TrainingModel, optimizer: Optimizers, count: int) -> list[float]:
    losses = []
    for group in optimizer.param_groups:
        group["lr"] = 1e-2
    for _ in range(count):
        loss, _ = model(BATCH, torch.arange(64)[None], BATCH.roll(-1, 1))
        (loss / 64).backward()
        optimizer.step()
        for parameter in trainable_parameters(model).values():
            parameter.grad = None
        losses.append(loss.item() / 64)
    return losses


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_and_goes_on_from_a_checkpoint_bit_for_bit(name: str, resized: Artifact, tmp_path: Path) -> None:
    model, optimizer = begin(resized, name)
    losses = steps(model, optimizer, 5)
    assert losses[-1] < losses[0] - 0.3
    Checkpoints(tmp_path, run={}).save(TrainState(step=5), trainable_parameters(model), optimizer)
    expected = steps(model, optimizer, 3)
    other, others = begin(resized, name)
    Checkpoints(tmp_path, run={}).load_latest(trainable_parameters(other), others)
    assert steps(other, others, 3) == expected
    before, after = trainable_parameters(model), trainable_parameters(other)
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("lora", [{"rank": 8}, None])
def test_muon_moves_the_matrices_of_layers_and_adamw_all_else(lora: Any, resized: Artifact) -> None:
    model, optimizer = begin(resized, "muon", lora=lora)
    muon, adamw = optimizer.parts
    assert isinstance(muon, torch.optim.Muon) and isinstance(adamw, torch.optim.AdamW)
    by_muon = {id(p) for group in muon.param_groups for p in group["params"]}
    for name, parameter in trainable_parameters(model).items():
        inside = "layers" in name and parameter.ndim == 2
        assert (id(parameter) in by_muon) == inside, name


def test_a_checkpoint_of_another_optimizer_is_refused(resized: Artifact, tmp_path: Path) -> None:
    model, optimizer = begin(resized, "muon")
    steps(model, optimizer, 1)
    Checkpoints(tmp_path, run={}).save(TrainState(step=1), trainable_parameters(model), optimizer)
    other, others = begin(resized, "adamw")
    with pytest.raises(InvariantError, match="not those of this optimizer"):
        Checkpoints(tmp_path, run={}).load_latest(trainable_parameters(other), others)


def test_what_cannot_work_is_refused_before_it_begins(resized: Artifact) -> None:
    config = ContinuedPretrainConfig.model_validate({"optimizer": "muon"})
    model = build_training_model(resized.path / "model", config, first_new_id=376, dtype=torch.float32)
    with pytest.raises(UsageError, match="muon needs whole matrices, and fsdp2 shards them"):
        make_optimizer(model, config, trainable_parameters(model), placement="fsdp2")
    if without_package("bitsandbytes"):
        with pytest.raises(MissingExtra, match="adamw_8bit"):
            begin(resized, "adamw_8bit")


def test_the_estimate_knows_what_each_keeps() -> None:
    def states(name: str) -> int:
        config = ContinuedPretrainConfig.model_validate({"optimizer": name, "lora": None})
        parts = memory_parts(SHAPES["Llama-3-8B"], config, new_rows=0, on_gpu=False)
        return parts["trained weights, gradients and optimizer"]

    parameters, tables = SHAPES["Llama-3-8B"].parameters, SHAPES["Llama-3-8B"].table_parameters
    assert states("adamw") - states("adamw_8bit") == 6 * parameters
    assert states("adamw") - states("muon") == 4 * (parameters - tables)
