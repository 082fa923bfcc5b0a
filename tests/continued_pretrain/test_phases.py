from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.checkpoint import TRAINED, Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator, reproducible
from hanhua.continued_pretrain.loop import train
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.parallel import place
from hanhua.continued_pretrain.phases import order_phases, plan_phases
from hanhua.continued_pretrain.prepare import prepare_data
from hanhua.continued_pretrain.start import start_run
from hanhua.continued_pretrain.train_log import read_rows
from hanhua.continued_pretrain.trained import trainable_parameters

PHASES = [
    {"name": "rows", "tokens_ratio": 0.25, "trainable": "new_embeddings", "embedding_learning_rate": 2e-2},
    {"name": "main", "tokens_ratio": 0.5, "schedule": "wsd", "warmup_ratio": 0.0},
    {"name": "anneal", "tokens_ratio": 0.25, "weights": {"zh": 1.0, "en_replay": 0.0}, "learning_rate": 1e-3},
]


def test_steps_are_shared_out_and_settings_put_in() -> None:
    config = ContinuedPretrainConfig.model_validate({"phases": PHASES, "learning_rate": 1e-2})
    rows, main, anneal = plan_phases(config, steps=13)
    assert [(p.first_step, p.steps) for p in (rows, main, anneal)] == [(0, 3), (3, 7), (10, 3)]
    assert (rows.config.embedding_learning_rate, main.config.schedule, anneal.config.learning_rate) == (
        2e-2,
        "wsd",
        1e-3,
    )
    assert main.config.learning_rate == 1e-2
    assert rows.trains("rows.lm_head")
    assert not rows.trains("model.q_proj.lora_A.default.weight")
    assert main.trains("model.q_proj.lora_A.default.weight")


def test_no_sequence_comes_twice_before_all_came_once() -> None:
    config = ContinuedPretrainConfig.model_validate({"phases": PHASES, "weights": {"zh": 0.5, "en_replay": 0.5}})
    order = order_phases(config, {"zh": 100, "en_replay": 100}, steps=32, batch_sequences=4)
    chinese = order.index_S[order.corpus_S == order.names.index("zh")]
    assert len(chinese) == 16 + 32 + 32
    assert len(np.unique(chinese)) == len(chinese)
    assert set(order.corpus_S[-32:]) == {order.names.index("zh")}  # the last phase's own mixture


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phases": PHASES[:2]}, "sum to 0.75"),
        ({"phases": PHASES, "lora": None}, "trains new_embeddings, but the run trains full"),
    ],
)
def test_phases_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ContinuedPretrainConfig.model_validate(change)


class Stopped(Exception):
    """Ends a run as a kill would, between a step and its checkpoint."""


def run(settings: dict[str, Any], base: Artifact, corpus: Artifact, out: Path, *, stop: int = -1) -> TrainingModel:
    config = ContinuedPretrainConfig.model_validate(settings)
    batch = config.micro_batch_size * config.gradient_accumulation_steps

    def after_step(state: TrainState) -> None:
        if state.step == stop:
            raise Stopped

    with reproducible(config.threads):
        accelerator, folder = make_accelerator(config.precision), base.path / "model"
        data = prepare_data(config, corpus, folder, out / "work", batch_sequences=batch)
        model = build_training_model(folder, config, first_new_id=base.facts["first_new_id"], dtype=torch.float32)
        checkpoints = Checkpoints(out / "checkpoints", run={}, keep=9)
        placed = place(model, accelerator, "single")
        options = {"accelerator": accelerator, "checkpoints": checkpoints, "out": out, "after_step": after_step}
        train(start_run(model, placed, data, config, **options))
    return model


def test_the_first_phase_moves_rows_alone_and_a_stop_in_each_phase_changes_no_bit(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    settings |= {"phases": PHASES, "save_steps": 2}
    whole = trainable_parameters(run(settings, resized, corpus, tmp_path / "whole"))
    weights = [load_file(tmp_path / "whole" / "checkpoints" / f"step-{s:08d}" / TRAINED) for s in (2, 3, 9)]
    for name in weights[0]:
        moved = not torch.equal(weights[0][name], weights[1][name])
        assert moved == name.startswith("rows."), name
        assert not torch.equal(weights[1][name], weights[2][name]), name

    for stop in (2, 4, 6, 11):
        with pytest.raises(Stopped):
            run(settings, resized, corpus, tmp_path / "stopped", stop=stop)
    stopped = trainable_parameters(run(settings, resized, corpus, tmp_path / "stopped"))
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)
    rows = read_rows(tmp_path / "stopped" / "logs" / "train.jsonl")
    assert [row["step"] for row in rows] == list(range(1, 13))
