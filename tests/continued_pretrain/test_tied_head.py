"""A tied model whose file holds the head as well: one matrix in training, and one set of values in what is shipped."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402
from training_fixtures import ModelMaker  # noqa: E402

from hanhua.continued_pretrain.config import ContinuedPretrainConfig  # noqa: E402
from hanhua.continued_pretrain.merge import merge_weights  # noqa: E402
from hanhua.continued_pretrain.model import build_training_model  # noqa: E402
from hanhua.errors import InputError  # noqa: E402

EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"


@pytest.fixture
def stored_twice(make_model: ModelMaker, tmp_path: Path) -> Path:
    folder = copytree(make_model(tied=True, new=False).path / "model", tmp_path / "twice")
    rewrite(folder, lambda tensors: tensors[EMBEDDINGS].clone())
    return folder


def rewrite(folder: Path, head: Any) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, HEAD: head(tensors)}, folder / "model.safetensors", metadata={"format": "pt"})


def build(folder: Path, settings: dict[str, Any]) -> Any:
    config = ContinuedPretrainConfig.model_validate({**settings, "trainable": "full", "lora": None})
    return build_training_model(folder, config, first_new_id=None, dtype=torch.float32)


def test_it_is_trained_as_one_matrix_and_shipped_as_trained(
    stored_twice: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    built = build(stored_twice, settings).model
    assert built.get_output_embeddings().weight is built.get_input_embeddings().weight
    old = load_file(stored_twice / "model.safetensors")
    merge_weights(stored_twice, {f"model.{EMBEDDINGS}": old[EMBEDDINGS] + 1}, tmp_path / "out")
    new = load_file(tmp_path / "out" / "model.safetensors")
    assert torch.equal(new[EMBEDDINGS], old[EMBEDDINGS] + 1)
    assert torch.equal(new[HEAD], new[EMBEDDINGS])


def test_two_heads_of_which_one_would_be_lost_are_refused(stored_twice: Path, settings: dict[str, Any]) -> None:
    rewrite(stored_twice, lambda tensors: tensors[EMBEDDINGS] + 1)
    with pytest.raises(InputError, match=r"config\.json says tied .* other values than the embeddings"):
        build(stored_twice, settings)
