from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from training_fixtures import ModelMaker

from hanhua.artifacts.files import read_json
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.estimate import TrainingEstimate, estimate_training
from hanhua.continued_pretrain.hardware import AMX_SPEEDUP, find_hardware
from hanhua.continued_pretrain.memory_parts import LOGITS_ELEMENTS, trained_sizes
from hanhua.continued_pretrain.model_shapes import SHAPES, ModelShape, known_shape, step_flops_per_token
from hanhua.errors import UsageError

ROWS = 30_208


def estimate(model: str, hardware: str, **settings: Any) -> TrainingEstimate:
    config = ContinuedPretrainConfig.model_validate(settings)
    return estimate_training(
        SHAPES[model], config=config, hardware=find_hardware(hardware), tokens=10**9, new_rows=ROWS
    )


def test_shapes_have_the_published_parameters() -> None:
    billions = {name: round(shape.parameters / 1e9, 2) for name, shape in SHAPES.items()}
    assert billions["Llama-3-8B"] == 8.03
    assert billions["Llama-3.2-1B"] == 1.24
    assert billions["Llama-3.2-3B"] == 3.21
    assert billions["Llama-3.1-70B"] == 70.55
    assert billions["Llama-3.1-405B"] == 405.85


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("meta-llama/Meta-Llama-3-8B", "Llama-3-8B"),
        ("models/Llama-3.1-8B-Instruct/", "Llama-3.1-8B"),
        ("meta-llama/Llama-3.2-3B", "Llama-3.2-3B"),
        ("someone/Qwen3-8B", None),
        ("Llama-3-80B", None),
    ],
)
def test_models_are_known_by_their_names(name: str, shape: str | None) -> None:
    assert known_shape(name) == (None if shape is None else SHAPES[shape])


def test_the_shape_of_a_folder_counts_what_the_model_has(make_model: ModelMaker) -> None:
    from hanhua.base.stage import model_facts
    from hanhua.continued_pretrain.model import build_training_model
    from hanhua.continued_pretrain.trained import trainable_parameters

    for tied in (False, True):
        artifact = make_model(tied=tied)
        folder, first = artifact.path / "model", artifact.facts["first_new_id"]
        shape = ModelShape.from_config(read_json(folder / "config.json"))
        facts = model_facts(folder)
        assert shape.parameters == facts["parameters"]
        config = ContinuedPretrainConfig.model_validate({"lora": {"rank": 4}})
        import torch

        model = build_training_model(folder, config, first_new_id=first, dtype=torch.float32)
        trained = sum(p.numel() for p in trainable_parameters(model).values())
        assert trained_sizes(shape, config, shape.vocab_size - first).total == trained


def test_operations_of_lora_are_two_thirds_of_those_of_everything() -> None:
    shape = SHAPES["Llama-3-8B"]
    full = step_flops_per_token(shape, sequence_length=4096, trained=None)
    lora = step_flops_per_token(shape, sequence_length=4096, trained=shape.lora_parameters(64, None))
    assert full == pytest.approx(6 * 7.5e9 + 6 * 32 * 4096 * 4096, rel=0.01)
    assert lora / full == pytest.approx(0.71, abs=0.02)
    more = step_flops_per_token(shape, sequence_length=4096, trained=None, recompute=True)
    assert more - full == pytest.approx(2 * 6.98e9 + 2 * 32 * 4096 * 4096, rel=0.01)


def test_the_usual_machines_are_placed_as_they_should_be() -> None:
    one, eight = estimate("Llama-3-8B", "1x80GB"), estimate("Llama-3-8B", "8x80GB")
    assert (one.fits, one.placement) == (True, "single")
    assert (eight.fits, eight.placement) == (True, "ddp")
    assert "only what is trained" in eight.why
    assert 7 < eight.tokens_per_second / one.tokens_per_second <= 8
    seventy = estimate("Llama-3-70B", "8x80GB", gradient_checkpointing=True)
    assert (seventy.fits, seventy.placement) == (True, "fsdp2")
    large = estimate("Llama-3.1-405B", "64x80GB", gradient_checkpointing=True)
    assert (large.fits, large.placement) == (True, "fsdp2")
    assert all(found.dollars and found.assumptions for found in (one, eight, seventy, large))


def test_what_does_not_fit_says_what_would() -> None:
    found = estimate("Llama-3-70B", "8x80GB", micro_batch_size=2)
    assert not found.fits
    assert found.remedies[0] == "gradient_checkpointing: true"
    assert estimate("Llama-3-70B", "8x80GB", micro_batch_size=2, gradient_checkpointing=True).fits
    small = estimate("Llama-3-8B", "24GB")
    assert small.remedies[0] == "gradient_checkpointing: true, quantize: nf4"
    assert estimate("Llama-3-8B", "24GB", gradient_checkpointing=True, quantize="nf4").fits
    whole = estimate("Llama-3-8B", "1x80GB", lora=None)
    assert not whole.fits
    assert whole.remedies  # no adapters to fall back on, so a larger machine
    assert all("trainable: adapters" not in remedy for remedy in whole.remedies)


def test_bf16_on_a_cpu_counts_where_training_takes_it() -> None:
    small = ModelShape(576, 1536, 30, 9, 3, vocab_size=49_152, tied=True)

    def rate(shape: ModelShape, *, amx: bool, precision: str) -> float:
        config = ContinuedPretrainConfig.model_validate({"precision": precision})
        cpu = replace(find_hardware("2xcpu"), amx=amx)
        return estimate_training(shape, config=config, hardware=cpu, tokens=10**6).tokens_per_second

    assert 130e6 < small.parameters < 140e6
    assert rate(small, amx=True, precision="auto") == AMX_SPEEDUP * rate(small, amx=False, precision="auto")
    assert rate(small, amx=True, precision="fp32") == rate(small, amx=False, precision="fp32")
    tiny = ModelShape(64, 224, 2, 4, 2)
    assert rate(tiny, amx=True, precision="auto") == rate(tiny, amx=False, precision="auto")


def test_it_answers_without_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; import hanhua.continued_pretrain.estimate"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_chunk_of_logits_is_the_head_s() -> None:
    from hanhua.continued_pretrain.head_loss import CHUNK_ELEMENTS

    assert {"cpu": LOGITS_ELEMENTS["cpu"], "cuda": LOGITS_ELEMENTS["gpu"]} == CHUNK_ELEMENTS


@pytest.mark.parametrize("name", ["8x81GB", "0x80GB", "tpu", ""])
def test_unknown_hardware_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="hardware"):
        find_hardware(name)
