"""A recipe in the words of earlier versions: every old key is a mistake that names the new one, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanhua.artifacts.earlier_formats import as_today
from hanhua.config_fields import key_config
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.errors import RecipeError
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.renamed import key_today, with_names_of_today

OLD = """\
name: Llama-3-old
base:
  stand_in: {hidden_size: 64}
corpora:
  zh: {path: texts.jsonl}
vocab_extension:
  spaced_words: 0.5
  evidence: words
  cover: [gb2312-1]
initialise: {method: mean}
continued_pretrain:
  sequence_tokens: 64
  micro_batch_sequences: 2
  gradient_accumulation: 2
  rows_learning_rate: 0.1
  trains: rows
  keep_checkpoints: 3
  max_loss_jump: 2.0
  quantise: none
restore: {instruct: a/b}
eval:
  behaviour: {}
  beside: []
  language_modelling: {max_cuts: 10}
"""
NEW_AT = {
    "3:3": "base.stand_in: is called toy now",
    "7:3": "vocab_extension.spaced_words: is called space_prefixed_words now",
    "8:3": "vocab_extension.evidence: is called merge_scope now",
    "9:3": "vocab_extension.cover: is called required_characters now",
    "10:1": "initialise: is called resize now",
    "12:3": "continued_pretrain.sequence_tokens: is called sequence_length now",
    "13:3": "continued_pretrain.micro_batch_sequences: is called micro_batch_size now",
    "14:3": "continued_pretrain.gradient_accumulation: is called gradient_accumulation_steps now",
    "15:3": "continued_pretrain.rows_learning_rate: is called embedding_learning_rate now",
    "16:3": "continued_pretrain.trains: is called trainable now",
    "16:3 ": "continued_pretrain.trains: 'rows' is called 'new_embeddings' now",
    "17:3": "continued_pretrain.keep_checkpoints: is called save_total_limit now",
    "18:3": "continued_pretrain.max_loss_jump: is called loss_spike_threshold now",
    "19:3": "continued_pretrain.quantise: is called quantize now",
    "20:1": "restore: is called chat_vector now",
    "22:3": "eval.behaviour: is called behavior now",
    "23:3": "eval.beside: is called reference_models now",
    "24:3": "eval.language_modelling: is called language_modeling now",
    "24:24": "eval.language_modelling.max_cuts: is called max_truncated_prompts now",
}


def test_every_old_key_is_listed_with_its_new_name_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    path = tmp_path / "old.yaml"
    path.write_text(OLD, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert caught.value.mistakes == [f"{path}:{at.strip()}: {message}" for at, message in NEW_AT.items()]


def test_with_todays_names_the_same_recipe_is_right(tmp_path: Path) -> None:
    import yaml

    data = with_names_of_today(yaml.safe_load(OLD))
    data["base"]["model"] = data["base"].pop("toy") and "a/b"
    recipe = Recipe.model_validate(data)
    assert recipe.continued_pretrain is not None and recipe.continued_pretrain.trainable == "new_embeddings"
    assert recipe.eval is not None and recipe.eval.language_modeling is not None
    assert recipe.eval.language_modeling.max_truncated_prompts == 10


def test_an_old_value_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    path = tmp_path / "old.yaml"
    text = (
        "name: a\nbase: {model: a/b}\ncorpora: {zh: {path: texts.jsonl}}\ncontinued_pretrain: {trainable: everything}\n"
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=r"4:22: continued_pretrain\.trainable: 'everything' is called 'full' now"):
        load_recipe(path)


def test_a_users_own_names_are_left_alone() -> None:
    data = {
        "corpora": {"prior": {"path": "x"}, "trains": {"path": "y"}},
        "continued_pretrain": {"weights": {"cover": 1}},
    }
    assert with_names_of_today(data) == data
    assert key_today(("corpora",), "prior") is None


def test_the_key_of_an_earlier_version_is_todays_in_other_words() -> None:
    now = ContinuedPretrainConfig(sequence_length=64, weights={"zh": 1.0})
    names = {
        "sequence_length": "sequence_tokens",
        "embedding_learning_rate": "rows_learning_rate",
        "trainable": "trains",
        "loss_spike_threshold": "max_loss_jump",
        "quantize": "quantise",
    }
    old = {names.get(key, key): value for key, value in key_config(now).items()}
    wanted = {
        "stage": "continued_pretrain",
        "output_version": 1,
        "config": key_config(now),
        "inputs": {"corpus": "a"},
        "corpora": {},
        "services": {},
    }
    then = {name: value for name, value in wanted.items() if name not in ("output_version", "services")}
    then |= {"format": 1, "config": old, "skills": {}, "code": "ab" * 32, "versions": {"torch": "2.6"}}
    assert as_today(then, wanted) == wanted
    assert as_today({**then, "config": {**old, "sequence_tokens": 128}}, wanted) != wanted
