"""A GGUF file as base: made into a folder by the stage and by commands, known by its content, refused before work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from repository import ROOT
from transformers import AutoModelForCausalLM

from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.identity import config_material
from hanhua.base.config import BaseConfig
from hanhua.base.model_source import model_source
from hanhua.base.stage import prepare_base
from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.errors import RecipeError
from hanhua.hub_names import is_on_hub
from hanhua.pipeline.planning.base_shapes import shape_of_base
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.runner import run
from hanhua.services import Services

gguf = pytest.importorskip("gguf", reason="gguf (the extra export) is not installed")


def test_the_stage_makes_a_folder_that_transformers_loads(small_file: Path, tmp_path: Path) -> None:
    facts = prepare_base(BaseConfig(model=str(small_file)), {}, tmp_path, services=Services())
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert facts["layers"] == model.config.num_hidden_layers
    assert facts["gguf"]["source"] == "small.gguf" and len(facts["gguf"]["source_sha256"]) == 64
    assert facts["parameters"] == sum(parameter.numel() for parameter in model.parameters())


def test_commands_convert_a_file_once(small_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = model_source(str(small_file))
    made = (first / "config.json").stat().st_mtime_ns
    moved = Path(shutil.copyfile(small_file, tmp_path / "elsewhere.gguf"))
    assert model_source(str(moved)) == first, "the same content is the same folder"
    assert (first / "config.json").stat().st_mtime_ns == made
    assert [path for path in first.parent.iterdir() if path != first] == []


def test_a_key_holds_the_content_and_not_the_path(small_file: Path, tmp_path: Path) -> None:
    hashes = FileHashes.forgetful()
    named = config_material(BaseConfig(model=str(small_file)), hashes)["model"]
    (tmp_path / "copy").mkdir()
    same = Path(shutil.copyfile(small_file, tmp_path / "copy" / "small.gguf"))
    assert config_material(BaseConfig(model=str(same)), hashes)["model"] == named
    same.write_bytes(same.read_bytes()[:-1] + b"\1")
    assert config_material(BaseConfig(model=str(same)), hashes)["model"] != named


def test_the_shape_is_known_from_the_metadata(small_file: Path, tmp_path: Path) -> None:
    prepare_base(BaseConfig(model=str(small_file)), {}, tmp_path, services=Services())
    assert shape_of_base(str(small_file)) == shape_of_base(str(tmp_path / "model"))


@pytest.mark.parametrize("name", ["package:some-package", "models/mine.gguf"])
def test_a_gguf_name_is_no_hub_name(name: str) -> None:
    assert not is_on_hub(name)


def test_a_tokenizer_alone_is_the_file_s_own(small_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    facts = prepare_base(BaseConfig(tokenizer=str(small_file)), {}, tmp_path, services=Services())
    assert (facts["tokenizer_only"], facts["name"], facts["license"]) == (True, "small.gguf", "llama3.2")
    whole = model_source(str(small_file))
    assert not list((tmp_path / "model").glob("*.safetensors"))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "model" / name).read_bytes() == (whole / name).read_bytes()
    again = resolve_base_tokenizer(str(shutil.copyfile(small_file, tmp_path / "elsewhere.gguf")))
    assert again == resolve_base_tokenizer(str(small_file)), "the same tokenizer is the same folder"
    assert len(list(again.parent.iterdir())) == 1


RECIPE = """
name: mine
base: {{{field}: {name}}}
corpora:
  zh: {{path: zh.jsonl, language: zh, license: CC0-1.0}}
{section}
"""
OWN = (
    *("corpora.chat_replay=null", "continued_pretrain.chat_corpora=[]"),
    *("vocab_extension.new_tokens=256", "eval=null", "continued_pretrain.max_tokens=4096"),
    *("continued_pretrain.sequence_length=128", "continued_pretrain.lora.rank=4"),
)


def test_the_recipe_for_small_models_takes_a_file_of_ones_own(small_file: Path, tmp_path: Path) -> None:
    recipe = ROOT / "recipes" / "smollm2-135m-zh.yaml"
    made = run(load_recipe(recipe, [f"base.model={small_file}", *OWN]), runs=tmp_path / "runs").artifacts
    assert made["base"].facts["gguf"]["source"] == "small.gguf"
    facts = made["continued_pretrain"].facts
    assert facts["last_loss"] < facts["first_loss"]
    assert (made["release"].path / "config.json").is_file()


SECTIONS = {"model": "continued_pretrain: {max_tokens: 100000}", "tokenizer": "vocab_extension: {new_tokens: 256}"}


def write_header(path: Path, *, tokenizer: str) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(tokenizer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("field", SECTIONS)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("package:no-such-package-here", "not installed"),
        ("package:pytest", "holds no .gguf file"),
        ("models/mine.gguf", "no such file"),
        ("text.gguf", "not a GGUF file"),
        ("other.gguf", "architecture mamba"),
        ("short.gguf", "cut short inside its header"),
        ("pieces.gguf", "SentencePiece vocabulary"),
    ],
)
def test_a_recipe_with_a_bad_file_is_refused(
    field: str, name: str, said: str, small_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "zh.jsonl").write_text('{"text": "中文文本"}\n', encoding="utf-8")
    (tmp_path / "text.gguf").write_text("no weights")
    data = small_file.read_bytes()
    key = b"general.architecture"
    at = data.index(b"llama", data.index(key))
    (tmp_path / "other.gguf").write_bytes(data[:at] + b"mamba" + data[at + 5 :])
    (tmp_path / "short.gguf").write_bytes(data[:3000])
    write_header(tmp_path / "pieces.gguf", tokenizer="llama")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(field=field, name=name, section=SECTIONS[field]), encoding="utf-8")
    with pytest.raises(RecipeError, match=said) as refused:
        load_recipe(recipe)
    assert str(refused.value).count("recipe.yaml:") == 1, "one sentence"
