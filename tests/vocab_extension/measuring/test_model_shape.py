import json
from dataclasses import replace
from pathlib import Path

import pytest

from hanhua.errors import InputError
from hanhua.vocab_extension.measuring.model_shape import SHAPES, read_model_shape

CONFIG_8B = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("1b", 1_235_814_400),
        ("3b", 3_212_749_824),
        ("8b", 8_030_261_248),
        ("70b", 70_553_706_496),
        ("405b", 405_853_388_800),
    ],
)
def test_parameters_are_those_of_the_published_checkpoints(name: str, parameters: int) -> None:
    assert SHAPES[name].parameters == parameters


def test_the_cache_of_8b_takes_128_kib_a_token() -> None:
    assert SHAPES["8b"].cache_bytes_per_token == 2 * 32 * 8 * 128 * 2 == 128 * 1024


def test_a_config_gives_the_same_shape(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG_8B))
    found = read_model_shape(tmp_path)
    assert (
        replace(found, name="Llama 3 8B")
        == SHAPES["8b"]
        == replace(read_model_shape(tmp_path / "config.json"), name="Llama 3 8B")
    )


def test_what_a_config_leaves_out_is_what_transformers_takes(tmp_path: Path) -> None:
    left_out = {
        key: value for key, value in CONFIG_8B.items() if key not in ("num_key_value_heads", "tie_word_embeddings")
    }
    (tmp_path / "config.json").write_text(json.dumps(left_out))
    found = read_model_shape(tmp_path)
    assert (found.kv_heads, found.head_size, found.tied) == (32, 128, False)


def test_what_is_no_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_model_shape(tmp_path)
    (tmp_path / "config.json").write_text('{"hidden_size": 64}')
    with pytest.raises(InputError, match="no number for num_hidden_layers"):
        read_model_shape(tmp_path)
