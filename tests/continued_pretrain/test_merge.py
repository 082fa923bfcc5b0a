from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from peft_twin import peft_twin
from safetensors.torch import load_file, save_file
from torch import Tensor
from training_fixtures import ModelMaker
from transformers import AutoModelForCausalLM, AutoTokenizer

from hanhua.artifacts import Artifact
from hanhua.artifacts.files import read_json, sha256_of
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.merge import ADAPTER_FILE, merge_adapter, save_adapter
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.trained import trainable_parameters, whole
from hanhua.errors import InvariantError


def weights(folder: Path) -> dict[str, Tensor]:
    return {name: tensor for shard in folder.glob("*.safetensors") for name, tensor in load_file(shard).items()}


def trained(artifact: Artifact, *, new: bool = True, **lora: Any) -> TrainingModel:
    """A model whose trainable parameters are far from their start."""
    config = ContinuedPretrainConfig.model_validate({"lora": {"rank": 4, "alpha": 8, **lora}})
    first = artifact.facts["first_new_id"] if new else None
    model = build_training_model(artifact.path / "model", config, first_new_id=first, dtype=torch.float32)
    torch.manual_seed(3)
    for parameter in trainable_parameters(model).values():
        parameter.data += torch.randn_like(parameter) * 0.2
    return model.eval()


def tensors_of(model: TrainingModel) -> dict[str, Tensor]:
    return {name: whole(parameter) for name, parameter in trainable_parameters(model).items()}


def merged(artifact: Artifact, model: TrainingModel, out: Path) -> Path:
    save_adapter(model, tensors_of(model), out / "adapter", base_hash=artifact.part("model").content_hash)
    merge_adapter(artifact.path / "model", out / "adapter", out / "model")
    return out / "model"


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("lora", [{"rslora": False}, {"rslora": True}, {"dora": True}], ids=str)
def test_the_merged_model_says_what_the_trained_one_said(
    tied: bool, lora: dict[str, Any], make_model: ModelMaker, tmp_path: Path
) -> None:
    artifact = make_model(tied=tied)
    model = trained(artifact, **lora)
    plain = AutoModelForCausalLM.from_pretrained(merged(artifact, model, tmp_path)).eval()
    ids = torch.arange(plain.config.vocab_size)[-60:][None]
    twin, _ = peft_twin(model, artifact.path / "model")
    twin.eval()
    with torch.no_grad():
        torch.testing.assert_close(plain(ids).logits, twin(input_ids=ids).logits, rtol=1e-4, atol=1e-4)
        by_peft = twin.merge_and_unload()
        torch.testing.assert_close(plain(ids).logits, by_peft(input_ids=ids).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_was_not_trained_is_bit_for_bit_the_same(dtype: str, make_model: ModelMaker, tmp_path: Path) -> None:
    artifact = make_model(dtype=dtype)
    first = artifact.facts["first_new_id"]
    before, after = weights(artifact.path / "model"), weights(merged(artifact, trained(artifact), tmp_path))
    assert before.keys() == after.keys()
    assert all(before[name].dtype == after[name].dtype for name in before)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        assert torch.equal(before[name][:first], after[name][:first])
        assert not torch.equal(before[name][first:], after[name][first:])
    for name in before:
        if "norm" in name:
            assert torch.equal(before[name], after[name])
        elif "layers" in name:
            assert not torch.equal(before[name], after[name])


def test_it_is_whole_beside_its_weights(make_model: ModelMaker, tmp_path: Path) -> None:
    """Shards stay as they were; tokenizer, template and both configs are the base's own bytes."""
    artifact = make_model(shard="60KB")
    out = merged(artifact, trained(artifact), tmp_path)
    names = {path.name for path in (artifact.path / "model").iterdir()}
    assert {path.name for path in out.iterdir()} == names
    assert sum(name.endswith(".safetensors") for name in names) > 1
    for name in names:
        if not name.endswith(".safetensors"):
            assert (out / name).read_bytes() == (artifact.path / "model" / name).read_bytes()
    tokenizer = AutoTokenizer.from_pretrained(out)
    plain = AutoModelForCausalLM.from_pretrained(out)
    text = "老人走进茶馆，想起旧书。"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text
    assert tokenizer.chat_template
    assert plain.generation_config.eos_token_id == [len(tokenizer) - 2, len(tokenizer) - 1]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's own loading
@pytest.mark.parametrize(("tied", "new", "count"), [(False, True, 30), (True, True, 29), (False, False, 28)])
def test_the_adapter_is_pefts_and_holds_every_trained_tensor_and_no_more(
    tied: bool, new: bool, count: int, make_model: ModelMaker, tmp_path: Path
) -> None:
    artifact = make_model(tied=tied)
    model = trained(artifact, new=new)
    assert (
        save_adapter(model, tensors_of(model), tmp_path / "adapter", base_hash="abc") == count
    )  # 2 layers x 7 x (A, B), and rows
    tensors = load_file(tmp_path / "adapter" / ADAPTER_FILE)
    rows = check_rows(artifact)
    assert len(tensors) == count
    assert all(tensor.shape[0] < rows for tensor in tensors.values()), "a whole embedding matrix was saved"
    assert read_json(tmp_path / "adapter" / "hanhua.json") == {"base_content_hash": "abc", "tensors": count}

    base = AutoModelForCausalLM.from_pretrained(artifact.path / "model")
    loaded = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    ids = torch.arange(rows)[-50:][None]
    twin, _ = peft_twin(model, artifact.path / "model")
    with torch.no_grad():
        torch.testing.assert_close(loaded(input_ids=ids).logits, twin.eval()(input_ids=ids).logits)


def check_rows(artifact: Artifact) -> int:
    return int(read_json(artifact.path / "model" / "config.json")["vocab_size"])


def test_the_adapters_bytes_depend_on_nothing_but_the_weights(resized: Artifact, tmp_path: Path) -> None:
    for name in ("one", "two"):
        model = trained(resized)
        save_adapter(model, tensors_of(model), tmp_path / name, base_hash="abc")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    settings = read_json(tmp_path / "one" / "adapter_config.json")
    assert settings["target_modules"] == sorted(settings["target_modules"])
    assert str(resized.path) not in (tmp_path / "one" / "adapter_config.json").read_text()


def test_two_merges_are_one_sha256(make_model: ModelMaker, tmp_path: Path) -> None:
    """The library alone writes several keys of metadata in another order each time."""
    artifact = make_model()
    file = artifact.path / "model" / "model.safetensors"
    save_file(load_file(file), file, metadata={f"key{n}": str(n) for n in range(12)})
    model = trained(artifact)
    hashes = {sha256_of(merged(artifact, model, tmp_path / str(n)) / file.name) for n in range(3)}
    assert len(hashes) == 1


def test_an_adapter_of_another_model_is_refused(resized: Artifact, make_model: ModelMaker, tmp_path: Path) -> None:
    model = trained(resized)
    save_adapter(model, tensors_of(model), tmp_path / "adapter", base_hash="abc")
    with pytest.raises(InvariantError, match=r"no tensor lm_head\.weight"):
        merge_adapter(make_model(tied=True).path / "model", tmp_path / "adapter", tmp_path / "model")
