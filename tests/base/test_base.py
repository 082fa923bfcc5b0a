from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from hanhua.artifacts import Artifact, write_manifest
from hanhua.artifacts.files import read_json
from hanhua.base.config import BaseConfig
from hanhua.base.stage import prepare_base
from hanhua.continued_pretrain.toy_maker import ToyModels
from hanhua.errors import InputError
from hanhua.services import Services


def prepare(config: dict[str, Any], out: Path, corpus: Artifact | None = None) -> dict[str, Any]:
    out.mkdir(exist_ok=True)
    inputs = {} if corpus is None else {"corpus": corpus}
    return prepare_base(BaseConfig.model_validate(config), inputs, out, services=Services(toy=ToyModels()))


def test_a_model_folder_travels_whole(resized: Artifact, tmp_path: Path) -> None:
    source = shutil.copytree(resized.path / "model", tmp_path / "Tiny-Llama")
    for name in ("pytorch_model.bin", "consolidated.safetensors", "modeling_evil.py", "optimizer.pt", "README.md"):
        (source / name).write_text("not to travel")
    (source / "LICENSE").write_text("a license")
    facts = prepare({"model": str(source)}, tmp_path / "out")
    model = tmp_path / "out" / "model"
    wanted = {path.name for path in (resized.path / "model").iterdir()} | {"LICENSE"}
    assert {path.name for path in model.iterdir()} == wanted
    assert all((model / name).read_bytes() == (source / name).read_bytes() for name in wanted)
    plain = AutoModelForCausalLM.from_pretrained(model)
    assert facts == {
        "toy": False,
        "name": "Tiny-Llama",
        "parameters": sum(p.numel() for p in plain.parameters()),
        "vocab_size": plain.config.vocab_size,
        "hidden_size": 32,
        "layers": 2,
        "tied": False,
    }
    write_manifest(tmp_path / "out", kind="base", config={}, inputs={}, facts=facts)


def _drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _cut(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def _fewer_rows(folder: Path) -> None:
    config = read_json(folder / "config.json")
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": config["vocab_size"] - 5}))


def _more_rows_in_config(folder: Path) -> None:
    config = read_json(folder / "config.json")
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": config["vocab_size"] + 5}))


def _missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_drop("tokenizer.json"), "no tokenizer.json; put the model's own tokenizer"),
        (_drop("config.json"), "not a Hugging Face model folder"),
        (_drop("model.safetensors"), "no weights: neither model.safetensors nor"),
        (_pickled, "which is pickle: convert it to safetensors"),
        (_cut, "cut short .* where its header describes"),
        (_fewer_rows, "the tokenizer has 4.. tokens and the model 3.. rows"),
        (_more_rows_in_config, "config.json says 4.. vocabulary rows, the weights have 4.."),
        (_missing_shard, "names model-00002-of-00002.safetensors, missing here"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    spoil: Callable[[Path], None], message: str, resized: Artifact, tmp_path: Path
) -> None:
    folder = shutil.copytree(resized.path / "model", tmp_path / "model")
    spoil(folder)
    with pytest.raises(InputError, match=message):
        prepare({"model": str(folder)}, tmp_path / "out")
    assert not (tmp_path / "out" / "model").exists()


def test_no_folder_and_no_hub_id(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        prepare({"model": str(tmp_path / "nowhere")}, tmp_path / "out")


TINY = {"hidden_size": 16, "heads": 2, "kv_heads": 1, "layers": 1, "sequence_length": 64, "threads": 1}


def test_a_toy_learns_the_corpus_english(corpus: Artifact, tokenizer_folder: Path, tmp_path: Path) -> None:
    config = {"toy": {**TINY, "pretrain_tokens": 64 * 60}, "tokenizer": str(tokenizer_folder)}
    facts = [prepare(config, tmp_path / name, corpus) for name in "ab"]
    assert facts[0] == facts[1]
    assert facts[0]["toy"] is True
    assert facts[0]["pretrain_tokens"] == 64 * 60
    assert facts[0]["last_loss"] < facts[0]["first_loss"] - 0.5
    model = tmp_path / "a" / "model"
    for path in model.iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "model" / path.name).read_bytes(), path.name
    plain, tokenizer = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    assert plain.config.rope_parameters["rope_theta"] == 500_000.0
    assert (plain.config.num_attention_heads, plain.config.num_key_value_heads) == (2, 1)
    assert not plain.config.tie_word_embeddings
    assert plain.generation_config.bos_token_id == tokenizer.bos_token_id
    assert plain.generation_config.eos_token_id == tokenizer.eos_token_id
    assert plain.dtype == torch.float32


def test_without_english_it_stays_as_it_was_born(tokenizer_folder: Path, tmp_path: Path) -> None:
    config = {"toy": {**TINY, "seed": 5}, "tokenizer": str(tokenizer_folder)}
    assert prepare(config, tmp_path / "a")["pretrain_tokens"] == 0
    config["toy"]["seed"] = 6  # type: ignore[index]
    prepare(config, tmp_path / "b")
    born = [load_file(tmp_path / name / "model" / "model.safetensors") for name in "ab"]
    assert born[0].keys() == born[1].keys()
    assert not torch.equal(born[0]["lm_head.weight"], born[1]["lm_head.weight"])


def test_the_default_toy_has_llama_3s_tokenizer(tmp_path: Path) -> None:
    prepare({"toy": {**TINY, "pretrain_tokens": 0}}, tmp_path / "out")
    model = tmp_path / "out" / "model"
    settings, generation = read_json(model / "config.json"), read_json(model / "generation_config.json")
    assert settings["vocab_size"] == 128_256
    assert (generation["bos_token_id"], generation["eos_token_id"]) == (128_000, 128_001)
    assert generation["pad_token_id"] not in (None, 128_001)
    assert AutoTokenizer.from_pretrained(model)("你好").input_ids[0] == 128_000


def test_bf16_weights_come_out_bf16(resized: Artifact, tmp_path: Path) -> None:
    folder = shutil.copytree(resized.path / "model", tmp_path / "model")
    tensors = {name: tensor.bfloat16() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    prepare({"model": str(folder)}, tmp_path / "out")
    assert load_file(tmp_path / "out" / "model" / "model.safetensors")["lm_head.weight"].dtype == torch.bfloat16
