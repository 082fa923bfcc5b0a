"""All weights pulled to the base's reading of the old spelling: nearer they come, and a stop within changes no bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain import self_distillation
from hanhua.continued_pretrain.checkpoint import TRAINED
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.new_token_settings import SelfDistillationSettings
from hanhua.continued_pretrain.next_piece_loss import Beginnings
from hanhua.continued_pretrain.old_segmentation import Pieces, pieces_of_new_tokens
from hanhua.continued_pretrain.prepare import prepare_data
from hanhua.continued_pretrain.self_distillation import CHECKPOINTS, LOG, Teacher, losses_of, self_distill
from hanhua.continued_pretrain.spelling_likelihoods import Aligned
from hanhua.continued_pretrain.stage import pretrain_folder
from hanhua.continued_pretrain.trained import clip_gradient, trainable_parameters
from hanhua.errors import InputError

CPU = torch.device("cpu")
SELF = {"self_distillation": {"steps": 8, "rows_steps": 3, "learning_rate": 0.01, "embedding_learning_rate": 0.03}}


class Bench:
    """A model with its data, its pieces and itself as the teacher."""

    def __init__(self, made: Artifact, corpus: Artifact, settings: dict[str, Any], out: Path) -> None:
        self.folder, self.first, self.out = made.path / "model", int(made.facts["first_new_id"]), out
        self.config = ContinuedPretrainConfig.model_validate(settings)
        self.data = prepare_data(self.config, corpus, self.folder, out / "data", batch_sequences=4)
        self.pieces: Pieces = pieces_of_new_tokens(self.folder, self.first)
        self.text = Aligned.of(self.data.batch(0, 4), self.pieces, CPU)
        self.model = self.new_model()
        self.teacher = Teacher(self.new_model(), self.config)

    def new_model(self) -> TrainingModel:
        return build_training_model(self.folder, self.config, first_new_id=self.first, dtype=torch.float32).eval()

    def distill(self) -> None:
        given = {"folder": self.folder, "out": self.out, "accelerator": make_accelerator("fp32"), "run": {}}
        self_distill(self.model, self.data, self.config, self.first, **given)

    def losses(self) -> dict[str, float]:
        settings = self.config.self_distillation
        assert settings is not None
        with torch.no_grad():
            found = losses_of(self.model, self.teacher, self.text, Beginnings.of(self.pieces, CPU), settings)
        return {name: float(loss) for name, loss in found.items()}


@pytest.mark.parametrize(
    "changes",
    [{}, {"lora": None}, {"trainable": "new_embeddings"}, {"trainable": "adapters+embeddings"}],
    ids=["adapters", "full", "rows", "adapters+embeddings"],
)
def test_both_readings_come_nearer_and_a_resumed_run_takes_the_same(
    make_model: Any, corpus: Artifact, settings: dict[str, Any], tmp_path: Path, changes: dict[str, Any]
) -> None:
    bench = Bench(make_model(), corpus, settings | SELF | changes, tmp_path)
    before, old = bench.losses(), bench.teacher.hidden(bench.text)
    trained = {name: value.detach().clone() for name, value in trainable_parameters(bench.model).items()}
    bench.distill()
    after, kept = bench.losses(), load_file(tmp_path / "work" / CHECKPOINTS / "step-00000008" / TRAINED)
    assert after["next_piece"] < 0.9 * before["next_piece"]
    now = trainable_parameters(bench.model)
    assert kept.keys() == now.keys() == trained.keys()
    assert all(not torch.equal(now[name], value) for name, value in trained.items())
    if bench.config.mode in ("adapters", "new_embeddings"):
        # The teacher is the same weights, and reads as it did before.
        assert torch.equal(Teacher(bench.model, bench.config).hidden(bench.text), old)
        assert trainable_parameters(bench.model).keys() == trained.keys()
    bench.model = bench.new_model()
    bench.distill()
    assert all(torch.equal(parameter, kept[name]) for name, parameter in trainable_parameters(bench.model).items())


def test_a_stop_within_changes_no_bit(
    make_model: Any, corpus: Artifact, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off in its seventh step it goes on from the fourth's checkpoint, and its log has every step once."""
    made, found = make_model(), []
    for name, breaks in (("whole", False), ("broken", True)):
        bench = Bench(made, corpus, settings | SELF, tmp_path / name)
        if breaks:
            with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
                patched.setattr(self_distillation, "clip_gradient", Broken(6))
                bench.distill()
            bench.model = bench.new_model()
        bench.distill()
        rows = [json.loads(line) for line in (bench.out / "logs" / LOG).read_text().splitlines()]
        assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
        losses = [(row["step"], row["hidden"], row["next_piece"]) for row in rows]
        found.append((losses, trainable_parameters(bench.model)))
    assert found[0][0] == found[1][0] and len(found[0][0]) == 8
    assert all(torch.equal(value, found[1][1][name]) for name, value in found[0][1].items())


class Broken:
    """Clips the gradients of so many steps as ever, and is interrupted in the one behind them."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self, parameters: list[torch.nn.Parameter], limit: float) -> float:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return clip_gradient(parameters, limit)


def test_a_step_is_the_same_however_it_is_divided(
    make_model: Any, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    """By batches, and by what is kept for the backward pass; more steps than the run has begin again."""
    made, found = make_model(), []
    for number, changes in enumerate(
        (
            {"micro_batch_size": 4, "gradient_accumulation_steps": 1},
            {"micro_batch_size": 1, "gradient_accumulation_steps": 4, "gradient_checkpointing": True},
        )
    ):
        bench = Bench(made, corpus, settings | SELF | changes | {"max_tokens": 1024}, tmp_path / str(number))
        assert len(bench.data.mixture) == 16
        bench.distill()
        rows = [json.loads(line) for line in (bench.out / "logs" / LOG).read_text().splitlines()]
        assert [row["step"] for row in rows] == list(range(1, 9))
        assert rows[4]["next_piece"] < rows[0]["next_piece"], "the same text, four steps later"
        found.append([[row["hidden"], row["next_piece"]] for row in rows])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3)


def test_without_new_tokens_both_spellings_are_one(
    make_model: Any, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    config = ContinuedPretrainConfig.model_validate(settings | SELF)
    with pytest.raises(InputError, match="no new tokens"):
        pretrain_folder(config, make_model(new=False).part("model"), corpus, tmp_path, first_new_id=None)


def test_half_of_the_steps_are_the_rows_own_unless_told_otherwise() -> None:
    assert [SelfDistillationSettings(steps=5, rows_steps=rows).first_steps for rows in (None, 0, 5)] == [2, 0, 5]
    with pytest.raises(ValueError, match="rows_steps is 6, more than the 5 steps"):
        SelfDistillationSettings(steps=5, rows_steps=6)


def test_rows_that_others_bring_are_not_moved_first() -> None:
    for more in ({"trainable": "lora"}, {"continue_from": "/somewhere"}):
        with pytest.raises(ValueError, match="self_distillation fits new rows"):
            ContinuedPretrainConfig.model_validate(SELF | more)
