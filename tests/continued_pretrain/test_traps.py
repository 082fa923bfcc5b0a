"""Ways in which such runs are silently ruined elsewhere, by the number they have in `docs/training.md`."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from repository import ROOT
from training_fixtures import ModelMaker

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.trained import parameter_groups, trainable_parameters

HELD_BY = {
    1: (
        "test_placements.test_every_trained_tensor_is_in_every_adapter",
        "test_checkpoint.test_missing_tensors_are_noticed",
    ),
    2: ("test_placements.test_every_trained_tensor_is_in_every_adapter",),
    3: ("test_traps.test_3_accelerate_is_new_enough_to_gather_every_shard",),
    4: ("test_placements.test_losses_agree_to_five_decimals",),
    5: ("test_placements.test_losses_agree_to_five_decimals",),
    6: ("test_traps.test_6_no_whole_matrix_of_words_gets_a_gradient",),
    7: ("test_merge.test_the_adapter_is_pefts_and_holds_every_trained_tensor_and_no_more",),
    8: (
        "test_traps.test_8_rows_are_values_that_no_decay_pulls_to_zero",
        "test_training_model.test_new_rows_are_a_group_of_their_own_without_decay",
    ),
    9: (
        "test_traps.test_9_a_long_packed_sequence_makes_no_mask_of_its_length_squared",
        "test_attention.test_it_is_the_masked_attention_and_so_are_its_gradients",
        "test_pack.test_positions_restart_at_each_document",
    ),
    10: ("test_resume.test_kills_change_no_bit", "test_checkpoint.test_training_goes_on_as_if_nothing_had_happened"),
    11: (
        "test_checkpoint.test_half_written_ones_are_no_checkpoints",
        "test_checkpoint.test_a_full_disk_leaves_the_checkpoint_before_and_says_so",
    ),
    12: ("test_placements.test_each_lies_as_it_was_asked_to",),
    13: ("test_pack.test_what_was_packed_is_found_by_content",),
    14: (
        "test_placements.test_old_rows_are_bit_identical_after_the_merge",
        "test_merge.test_what_was_not_trained_is_bit_for_bit_the_same",
    ),
}


def test_every_trap_of_the_docs_is_held_by_a_test_that_is_there() -> None:
    docs = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    traps = docs.partition("traps\n")[2].partition("\n## ")[0]
    assert [int(number) for number in re.findall(r"^(\d+)\. ", traps, re.MULTILINE)] == sorted(HELD_BY)
    there = {
        f"{file.stem}.{node.name}"
        for file in [*Path(__file__).parent.glob("test_*.py"), ROOT / "tests" / "base" / "test_base.py"]
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert {name for names in HELD_BY.values() for name in names} <= there


def build(artifact: Artifact, **settings: Any) -> tuple[TrainingModel, ContinuedPretrainConfig]:
    config = ContinuedPretrainConfig.model_validate({"lora": {"rank": 4}, **settings})
    first = artifact.facts["first_new_id"]
    return build_training_model(artifact.path / "model", config, first_new_id=first, dtype=torch.float32), config


def test_3_accelerate_is_new_enough_to_gather_every_shard() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.findall(r"accelerate>=(\d+)\.(\d+)", project)
    assert found
    assert all((int(major), int(minor)) >= (1, 15) for major, minor in found)


@pytest.mark.parametrize("tied", [False, True])
def test_6_no_whole_matrix_of_words_gets_a_gradient(tied: bool, make_model: ModelMaker) -> None:
    model, _ = build(make_model(tied=tied))
    rows = model.decoder.config.vocab_size
    made: list[torch.Size] = []
    held = {p.data_ptr() for p in model.parameters()}

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.data_ptr() not in held:
                made.append(result.shape)
            return result

    ids = torch.arange(40).reshape(2, 20)
    with Watch():
        loss, _ = model(ids, torch.arange(20).expand(2, 20), ids)
    loss.backward()
    hidden = model.decoder.config.hidden_size
    assert torch.Size([rows, hidden]) not in made, "the forward pass copied a whole matrix"
    whole = [p for p in model.parameters() if p.shape == (rows, hidden)]
    assert len(whole) == (1 if tied else 2)
    assert all(p.grad is None and not p.requires_grad for p in whole)


def test_8_rows_are_values_that_no_decay_pulls_to_zero(resized: Artifact) -> None:
    model, config = build(resized, weight_decay=0.5, learning_rate=0.1, embedding_learning_rate=0.1)
    optimizer = torch.optim.AdamW(parameter_groups(model, config))
    before = {name: p.detach().clone() for name, p in trainable_parameters(model).items()}
    for parameter in trainable_parameters(model).values():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in trainable_parameters(model).items():
        assert torch.equal(parameter, before[name]) == (name.startswith("rows.") or "lora_B" in name), name


def test_9_a_long_packed_sequence_makes_no_mask_of_its_length_squared(resized: Artifact) -> None:
    model, _ = build(resized)
    length = 8192
    seen: list[Any] = []
    for layer in model.decoder.layers:
        layer.self_attn.register_forward_pre_hook(
            lambda module, args, kwargs: seen.append(kwargs.get("attention_mask")), with_kwargs=True
        )
    positions = torch.arange(length).remainder(256)[None]
    with torch.no_grad():
        model(
            torch.ones(1, length, dtype=torch.long),
            positions,
            torch.full((1, length), -100).index_fill(1, torch.tensor([9]), 1),
        )
    assert seen == [None, None]
