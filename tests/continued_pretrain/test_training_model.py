from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft_twin import peft_twin
from torch import Tensor
from training_fixtures import ModelMaker
from transformers import AutoModelForCausalLM

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain import attention
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.trained import parameter_groups, trainable_parameters
from hanhua.errors import InputError
from hanhua.model_folder import check_sizes


def build(artifact: Artifact, *, new: bool = True, **settings: Any) -> TrainingModel:
    config = ContinuedPretrainConfig.model_validate({"lora": {"rank": 4, "alpha": 8}, **settings})
    first = artifact.facts["first_new_id"] if new else None
    model = build_training_model(artifact.path / "model", config, first_new_id=first, dtype=torch.float32)
    torch.manual_seed(1)
    for name, parameter in trainable_parameters(model).items():
        if "lora_B" in name or name.startswith("rows."):  # away from the start, where B is zero
            parameter.data += torch.randn_like(parameter) * 0.1
    return model


def a_batch(artifact: Artifact) -> tuple[Tensor, Tensor, Tensor]:
    vocabulary = check_sizes(artifact.path / "model", first_new_id=None)
    torch.manual_seed(2)
    ids = torch.randint(0, vocabulary, (3, 20))
    ids[:, ::3] = torch.randint(artifact.facts["first_new_id"], vocabulary, (3, 7))
    labels = ids.roll(-1, dims=1)
    labels[:, -1] = -100
    return ids, torch.arange(20).expand(3, 20), labels


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    "settings", [{}, {"lora": None}, {"gradient_checkpointing": True}, {"lora": {"rank": 2, "dora": True}}], ids=str
)
def test_loss_and_gradients_are_those_of_peft(make_model: ModelMaker, tied: bool, settings: dict[str, Any]) -> None:
    artifact = make_model(tied=tied)
    ours = build(artifact, **settings)
    theirs, expected = peft_twin(ours, artifact.path / "model")
    ids, positions, labels = a_batch(artifact)
    ours.train()
    theirs.train()
    loss, _ = ours(ids, positions, labels)
    loss.backward()
    plain = theirs(input_ids=ids, labels=ids).loss * ids.shape[0] * (ids.shape[1] - 1)
    plain.backward()
    assert loss.item() == pytest.approx(plain.item(), rel=1e-6)
    for name, parameter in trainable_parameters(ours).items():
        torch.testing.assert_close(parameter.grad, expected[name].grad, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("tied", [False, True])
def test_new_rows_are_a_group_of_their_own_without_decay(make_model: ModelMaker, tied: bool) -> None:
    artifact = make_model(tied=tied)
    config = ContinuedPretrainConfig(weight_decay=0.1, learning_rate=1e-3, embedding_learning_rate=2e-4)
    model = build(artifact)
    groups = {group["name"]: group for group in parameter_groups(model, config)}
    assert groups["rows"]["weight_decay"] == 0.0
    assert groups["rows"]["lr"] == groups["rows"]["peak"] == 2e-4
    assert len(groups["rows"]["params"]) == (1 if tied else 2)
    assert groups["weights"]["weight_decay"] == 0.1
    held = [p for group in groups.values() for p in group["params"]]
    assert len(held) == len(set(map(id, held))) == len(trainable_parameters(model))


def test_all_linear_layers_but_the_head_are_adapted(make_model: ModelMaker, resized: Artifact) -> None:
    names = trainable_parameters(build(resized))
    assert sum("lora_A" in name for name in names) == 2 * 7  # q k v o gate up down, in both layers
    assert not any("lm_head" in name and "lora" in name for name in names)
    some = trainable_parameters(build(resized, lora={"rank": 2, "targets": ["q_proj", "v_proj"]}))
    assert sum("lora_A" in name for name in some) == 2 * 2
    with pytest.raises(InputError, match=r"qq_proj.*available: down_proj"):
        build(resized, lora={"targets": ["qq_proj"]})


def test_without_extension_only_adapters_are_trained(resized: Artifact) -> None:
    model = build(resized, new=False)
    assert all("lora_" in name for name in trainable_parameters(model))
    loss, _ = model(*a_batch(resized))
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trainable_parameters(model).values())


def test_without_lora_every_weight_is_trained_and_matrices_of_words_are_not_decayed(resized: Artifact) -> None:
    model = build(resized, lora=None)
    whole = AutoModelForCausalLM.from_pretrained(resized.path / "model")
    assert len(trainable_parameters(model)) == len(list(whole.parameters()))
    groups = {g["name"]: g for g in parameter_groups(model, ContinuedPretrainConfig(weight_decay=0.1))}
    assert set(groups) == {"weights", "undecayed"}
    assert len(groups["undecayed"]["params"]) == 2 + 5  # both matrices; two norms a layer and the last


def test_what_does_not_fit_together_is_refused(resized: Artifact, tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(resized.path / "model", tmp_path / "model")
    config = (folder / "config.json").read_text()
    rows = check_sizes(folder, first_new_id=None)
    with pytest.raises(InputError, match=f"new tokens begin at {rows + 1}"):
        check_sizes(folder, first_new_id=rows + 1)
    (folder / "config.json").write_text(config.replace(f'"vocab_size": {rows}', f'"vocab_size": {rows - 1}'))
    with pytest.raises(InputError, match="resize the model first"):
        check_sizes(folder, first_new_id=None)
    (folder / "config.json").write_text(config.replace('"model_type": "llama"', '"model_type": "gemma"'))
    with pytest.raises(InputError, match="only the Llama architecture"):
        check_sizes(folder, first_new_id=None)


def test_bf16_trains_fp32_parameters_to_nearly_the_same_loss(resized: Artifact) -> None:
    """As on a GPU: frozen weights in bf16, what is trained in fp32, autocast around it."""
    config = ContinuedPretrainConfig.model_validate({"lora": {"rank": 4, "alpha": 8}})
    first = resized.facts["first_new_id"]
    folder, batch = resized.path / "model", a_batch(resized)
    exact, _ = build_training_model(folder, config, first_new_id=first, dtype=torch.float32)(*batch)
    model = build_training_model(folder, config, first_new_id=first, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        rough, _ = model(*batch)
    rough.backward()
    assert rough.item() == pytest.approx(exact.item(), rel=0.01)
    for name, parameter in trainable_parameters(model).items():
        assert parameter.dtype == torch.float32, name
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
    assert model.model.get_base_model().model.layers[0].mlp.up_proj.base_layer.weight.dtype == torch.bfloat16


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("mode", ["adapters", "lora", "new_embeddings", "embeddings", "adapters+embeddings", "full"])
def test_under_autocast_a_kernel_would_get_bf16_and_the_loss_is_in_fp32(
    mode: str, resized: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is trained, and so kept in fp32: FlashAttention takes nothing else, flex attention no mixture."""
    exact, met = attention.one_by_one, []

    def watched(*inputs: Any) -> Tensor:
        met.append(inputs)
        return exact(*inputs)

    monkeypatch.setattr(attention, "one_by_one", watched)
    config = ContinuedPretrainConfig.model_validate({"lora": {"rank": 4}, "trainable": mode})
    first = resized.facts["first_new_id"]
    model = build_training_model(resized.path / "model", config, first_new_id=first, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        loss, nats_BL = model(*a_batch(resized))
    loss.backward()
    assert (loss.dtype, nats_BL.dtype) == (torch.float32, torch.float32)
    assert {p.grad.dtype for p in trainable_parameters(model).values() if p.grad is not None} == {torch.float32}
    assert len(met) == len(model.decoder.layers)
    query, key, value, documents, scale = met[-1]
    narrowed = attention.in_one_type(query.detach(), key.detach(), value.detach())
    assert {x.dtype for x in narrowed} == {torch.bfloat16}
    found, wanted = (way(*narrowed, documents, scale).float() for way in (attention.by_flex, exact))
    assert (found - wanted).norm() < 0.01 * wanted.norm()
