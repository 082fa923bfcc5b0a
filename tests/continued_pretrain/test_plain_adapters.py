"""Rows are trained and folded into the model once; adapters over it then hold no rows, and anything loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from training_fixtures import ModelMaker
from transformers import AutoModelForCausalLM

from hanhua.artifacts import Artifact, open_artifact
from hanhua.artifacts.files import read_json
from hanhua.cli.train import train_into
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.memory_parts import trained_sizes
from hanhua.continued_pretrain.merge import ADAPTER_FILE
from hanhua.continued_pretrain.model_shapes import SHAPES

IDS = torch.arange(330, 400)[None]
ALONE = {"trainable": "lora", "merge": False}

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


def train(model: Path, corpus: Artifact, out: Path, settings: dict[str, Any]) -> Artifact:
    config = ContinuedPretrainConfig.model_validate({**settings, "max_tokens": 64 * 4 * 3})
    train_into(out, config, model=model, corpus=corpus.path)
    return open_artifact(out)


@pytest.fixture
def extended(resized: Artifact, corpus: Artifact, settings: dict[str, Any], tmp_path: Path) -> Artifact:
    """The model whose new rows were trained alone, folded in."""
    return train(resized.path, corpus, tmp_path / "extended", {**settings, "trainable": "new_embeddings"})


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=IDS).logits
    return found


def test_several_adapters_over_one_base_load_without_our_code(
    extended: Artifact, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    rows = int(read_json(extended.path / "model" / "config.json")["vocab_size"])
    made = {}
    for name, weights in {"domain": {"zh": 1.0, "en_replay": 0}, "english": {"zh": 0, "en_replay": 1.0}}.items():
        made[name] = train(extended.path, corpus, tmp_path / name, {**settings, **ALONE, "weights": weights})
        assert made[name].kind == "adapter"
        assert {entry.path.split("/")[0] for entry in made[name].files} == {"adapter"}
        assert_form_of_vllm(made[name].path / "adapter", rows)
    base = AutoModelForCausalLM.from_pretrained(extended.path / "model")
    plain = logits(base)
    served = PeftModel.from_pretrained(base, made["domain"].path / "adapter", adapter_name="domain")
    served.load_adapter(made["english"].path / "adapter", adapter_name="english")
    found = {}
    for name in made:
        served.set_adapter(name)
        found[name] = logits(served)
        assert not torch.equal(found[name], plain)
    assert not torch.equal(found["domain"], found["english"])
    with served.disable_adapter():
        assert torch.equal(logits(served), plain)
    by_transformers = AutoModelForCausalLM.from_pretrained(extended.path / "model")
    by_transformers.load_adapter(made["domain"].path / "adapter")
    torch.testing.assert_close(logits(by_transformers), found["domain"])


def assert_form_of_vllm(folder: Path, rows: int) -> None:
    """What vLLM asks of an adapter (vllm/lora/peft_helper.py and its parsing of tensor names)."""
    config = read_json(folder / "adapter_config.json")
    assert config["peft_type"] == "LORA"
    assert config["trainable_token_indices"] is None
    assert config["modules_to_save"] is None
    assert not config["use_dora"]
    assert config["bias"] == "none"
    assert config["use_rslora"] is False
    tensors = load_file(folder / ADAPTER_FILE)
    assert all(name.endswith((".lora_A.weight", ".lora_B.weight")) for name in tensors)
    assert all(rows not in tensor.shape for tensor in tensors.values())


@pytest.mark.parametrize("rslora", [True, False])
def test_the_merged_model_is_base_and_adapter(
    rslora: bool, extended: Artifact, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    """The strength is that of rsLoRA, written as alpha over rank, which llama.cpp's converter reads too."""
    settings = {**settings, "trainable": "lora", "lora": {"rank": 8, "alpha": 4, "rslora": rslora}}
    made = train(extended.path, corpus, tmp_path / "out", settings)
    config = read_json(made.path / "adapter" / "adapter_config.json")
    assert config["lora_alpha"] / config["r"] == pytest.approx(4 / (8**0.5 if rslora else 8))
    base = AutoModelForCausalLM.from_pretrained(extended.path / "model")
    served = PeftModel.from_pretrained(base, made.path / "adapter")
    torch.testing.assert_close(logits(AutoModelForCausalLM.from_pretrained(made.path / "model")), logits(served))


def test_new_rows_stay_when_they_are_known(
    resized: Artifact, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    made = train(resized.path, corpus, tmp_path / "out", {**settings, "trainable": "lora"})
    before, after = (load_file(folder / "model" / "model.safetensors") for folder in (resized.path, made.path))
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        assert torch.equal(before[name], after[name])
    assert made.facts["new_rows"] > 0
    assert not torch.equal(before["model.layers.0.mlp.up_proj.weight"], after["model.layers.0.mlp.up_proj.weight"])


def test_in_a_phase_of_lora_rows_stand_still(
    make_model: ModelMaker, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    """So the rows of the phase before are those the adapter is trained over."""
    resized, rows = make_model(), {"name": "rows", "tokens_ratio": 1 / 3, "trainable": "new_embeddings"}
    found = []
    for number, only in enumerate(["lora", "lora", None]):
        lora = {"name": "lora", "tokens_ratio": 2 / 3, "trainable": only, "embedding_learning_rate": 0.1 / (number + 1)}
        made = train(resized.path, corpus, tmp_path / str(number), {**settings, "phases": [rows, lora]})
        tensors = load_file(made.path / "adapter" / ADAPTER_FILE)
        moved = [name for name, tensor in tensors.items() if "lora_B" in name and tensor.abs().sum() > 0]
        assert len(moved) == 14
        found.append(tensors["base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"])
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"merge": False}, "use trainable: lora"),
        ({"trainable": "lora", "lora": None}, "lora is null"),
        (
            {"trainable": "new_embeddings", "phases": [{"name": "a", "tokens_ratio": 1, "trainable": "lora"}]},
            "trains lora, but the run trains new_embeddings",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(change: dict[str, Any], message: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=message):
        ContinuedPretrainConfig.model_validate(settings | change)


def test_the_estimate_counts_no_rows() -> None:
    shape = SHAPES["Llama-3-8B"].with_rows(30_208)
    with_rows, alone = (
        trained_sizes(shape, ContinuedPretrainConfig.model_validate({"trainable": mode}), 30_208)
        for mode in ("adapters", "lora")
    )
    assert with_rows.total - alone.total == with_rows.rows == 30_208 * 4096 * 2
