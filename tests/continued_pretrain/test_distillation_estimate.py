"""Fitting new rows first is counted: in hours, in memory where that is more, and in what would make it fit."""

from __future__ import annotations

from typing import Any

import pytest

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.distillation_estimate import (
    distillation_flops_per_token,
    distillation_parts,
    distillation_tokens,
    self_distillation_flops_per_token,
    self_distillation_parts,
)
from hanhua.continued_pretrain.estimate import TrainingEstimate, estimate_training, training_flops_per_token
from hanhua.continued_pretrain.hardware import find_hardware
from hanhua.continued_pretrain.memory_parts import memory_parts
from hanhua.continued_pretrain.model_shapes import SHAPES

SHAPE = SHAPES["Llama-3-8B"]
ROWS = 16_384


def config(**settings: Any) -> ContinuedPretrainConfig:
    return ContinuedPretrainConfig.model_validate({"row_distillation": {"steps": 100}, **settings})


def estimate(hardware: str, *, old_per_new: float = 1.0, **settings: Any) -> TrainingEstimate:
    return estimate_training(
        SHAPE,
        config=config(**settings),
        hardware=find_hardware(hardware),
        tokens=10**9,
        new_rows=ROWS,
        old_per_new=old_per_new,
    )


def test_its_hours_are_on_top_and_follow_the_texts_it_reads() -> None:
    without, with_ = estimate("1x80GB", row_distillation=None), estimate("1x80GB")
    assert without.distillation_hours == 0 < with_.distillation_hours
    assert with_.hours == pytest.approx(without.hours + with_.distillation_hours)
    assert with_.tokens_per_second == without.tokens_per_second
    twice = estimate("1x80GB", row_distillation={"steps": 200})
    assert twice.distillation_hours == pytest.approx(2 * with_.distillation_hours)
    # Two devices read twice the texts in a step, each its half.
    assert estimate("2x80GB").distillation_hours == pytest.approx(with_.distillation_hours)
    assert estimate("1x80GB", old_per_new=1.4).distillation_hours > 1.1 * with_.distillation_hours


def test_it_never_reads_more_than_the_run_has() -> None:
    step = config().tokens_per_step
    assert distillation_tokens(config(), tokens=1000 * step, processes=1) == 100 * step
    assert distillation_tokens(config(), tokens=7 * step + 5, processes=1) == 7 * step
    assert distillation_tokens(config(row_distillation=None), tokens=1000 * step, processes=1) == 0


def test_a_student_there_and_back_and_a_teacher_there_are_six_operations_a_weight() -> None:
    whole = SHAPE.with_rows(ROWS)
    short = config(sequence_length=8)
    found = distillation_flops_per_token(whole, short, ROWS)
    head = whole.vocab_size * whole.hidden_size
    assert found == pytest.approx(
        6 * (whole.matmul_parameters - head) + 4 * head + 2 * ROWS * whole.hidden_size, rel=1e-3
    )
    inputs_alone = config(sequence_length=8, row_distillation={"outputs": False})
    assert distillation_flops_per_token(whole, inputs_alone, ROWS) == pytest.approx(found - 4 * head, rel=0.02)


def test_every_device_must_hold_the_whole_model_and_is_told_what_would_do() -> None:
    settings = {"lora": None, "gradient_checkpointing": True, "micro_batch_size": 1}
    sharded = estimate("8x80GB", row_distillation=None, **settings)
    assert (sharded.fits, sharded.placement) == (True, "fsdp2")
    fitting = estimate("8x24GB", **settings)
    assert not fitting.fits and "row_distillation, before training, takes more" in fitting.why
    assert fitting.memory_bytes == sum(fitting.memory_parts.values())
    assert "rows, gradients and optimizer" in fitting.memory_parts
    # One device that trains everything holds more in training: nothing is said of the fitting.
    whole = SHAPE.with_rows(ROWS)
    before = distillation_parts(whole, config(**settings), new_rows=ROWS, on_gpu=True)
    after = memory_parts(whole, config(**settings), new_rows=ROWS, on_gpu=True)
    assert sum(before.values()) < sum(after.values())
    assert "row_distillation" not in estimate("1x80GB", **settings).why


def test_self_distillation_counts_every_step_and_a_copy_where_the_matrices_move() -> None:
    of_self = {"row_distillation": None, "self_distillation": {"steps": 200}}
    without, with_ = estimate("1x80GB", row_distillation=None), estimate("1x80GB", **of_self)
    assert with_.distillation_hours > 0 and with_.hours == pytest.approx(without.hours + with_.distillation_hours)
    # Its steps may be several passes over the run; those before it are on top.
    longer = estimate("1x80GB", row_distillation=None, self_distillation={"steps": 400})
    assert longer.distillation_hours == pytest.approx(2 * with_.distillation_hours)
    both = estimate("1x80GB", self_distillation={"steps": 200})
    rows = estimate("1x80GB")
    assert both.distillation_hours == pytest.approx(rows.distillation_hours + with_.distillation_hours)
    # A step is one of training and the teacher's forward pass, its output layer read twice.
    whole, short = SHAPE.with_rows(ROWS), config(sequence_length=8, **of_self)
    head = whole.vocab_size * whole.hidden_size
    more = self_distillation_flops_per_token(whole, short, ROWS) - training_flops_per_token(whole, short, ROWS)
    assert more == pytest.approx(2 * (whole.matmul_parameters - head) + 4 * head, rel=1e-3)
    # Adapters read with the weights that they are taught by; whole matrices need them a second time.
    given: dict[str, Any] = {"new_rows": ROWS, "on_gpu": True}
    assert "teacher" not in self_distillation_parts(whole, config(**of_self), **given)
    full = config(lora=None, **of_self)
    parts, training = self_distillation_parts(whole, full, **given), memory_parts(whole, full, **given)
    assert parts["teacher"] == 4 * whole.parameters
    assert sum(parts.values()) == sum(training.values()) + parts["teacher"]
    told = estimate("8x80GB", lora=None, gradient_checkpointing=True, micro_batch_size=1, **of_self)
    assert not told.fits and "self_distillation, before training, takes more" in told.why
