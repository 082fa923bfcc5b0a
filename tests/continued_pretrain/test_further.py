"""A finished training taken further: where it ended is where this one begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from training_fixtures import ModelMaker

from hanhua.artifacts import Artifact, open_artifact
from hanhua.artifacts.files import read_json
from hanhua.cli.train import train_into
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.train_log import read_rows
from hanhua.errors import InputError


def train(model: Path, corpus: Artifact, out: Path, settings: dict[str, Any], **changes: Any) -> Artifact:
    config = ContinuedPretrainConfig.model_validate({**settings, **changes})
    train_into(out, config, model=model, corpus=corpus.path)
    return open_artifact(out)


@pytest.mark.parametrize(
    "mode",
    [{"trainable": "adapters"}, {"lora": None}, {"trainable": "lora", "merge": False}, {"trainable": "new_embeddings"}],
    ids=str,
)
def test_it_begins_where_the_finished_one_ended(
    mode: dict[str, Any], settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    settings |= {**mode, "max_tokens": 64 * 4 * 24, "learning_rate": 3e-2, "embedding_learning_rate": 3e-2}
    first = train(resized.path, corpus, tmp_path / "first", settings)
    tiny = {"learning_rate": 1e-12, "embedding_learning_rate": 1e-12, "weight_decay": 0.0, "max_tokens": 64 * 4}
    still = train(resized.path, corpus, tmp_path / "still", settings, continue_from=str(first.path), **tiny)
    for part in ("adapter/adapter_model.safetensors", "model/model.safetensors"):
        if (first.path / part).is_file():
            before, after = load_file(first.path / part), load_file(still.path / part)
            assert all((before[name] - after[name]).abs().max() < 1e-9 for name in before)
    more = train(resized.path, corpus, tmp_path / "more", settings, continue_from=str(first.path))
    rows = [read_rows(folder / "logs" / "train.jsonl") for folder in (first.path, more.path)]
    assert rows[1][0]["loss"] < rows[0][0]["loss"] - 0.1
    assert rows[1][0]["learning_rate"] < max(row["learning_rate"] for row in rows[1]), "a new warm-up"


def test_it_sees_other_sequences_first(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    settings |= {"learning_rate": 1e-12, "embedding_learning_rate": 1e-12, "max_tokens": 64 * 4 * 3}
    first = train(resized.path, corpus, tmp_path / "first", settings)
    more = train(resized.path, corpus, tmp_path / "more", settings, continue_from=str(first.path))
    losses = [[row["loss"] for row in read_rows(f.path / "logs" / "train.jsonl")] for f in (first, more)]
    assert all(abs(one - other) > 1e-4 for one, other in zip(*losses, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lora": {"rank": 8, "alpha": 8 * 2**0.5}}, "keep trainable, lora.rank"),
        ({"lora": {"rank": 4, "alpha": 16}}, "have the strength 4, and lora.alpha, rank and rslora make 8"),
        ({"trainable": "lora"}, "other weights were trained there"),
    ],
    ids=str,
)
def test_other_settings_are_refused(
    change: dict[str, Any],
    message: str,
    settings: dict[str, Any],
    resized: Artifact,
    corpus: Artifact,
    tmp_path: Path,
) -> None:
    settings["max_tokens"] = 64 * 4
    first = train(resized.path, corpus, tmp_path / "first", settings)
    with pytest.raises(InputError, match=message):
        train(resized.path, corpus, tmp_path / "more", settings, continue_from=str(first.path), **change)


def test_another_base_and_what_is_not_finished_are_refused(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, make_model: ModelMaker, tmp_path: Path
) -> None:
    settings["max_tokens"] = 64 * 4
    first = train(resized.path, corpus, tmp_path / "first", settings)
    other = make_model(dtype="bfloat16")
    with pytest.raises(InputError, match="give the model that training began with"):
        train(other.path, corpus, tmp_path / "more", settings, continue_from=str(first.path))
    with pytest.raises(InputError, match=r"no manifest\.json"):
        train(resized.path, corpus, tmp_path / "none", settings, continue_from=str(tmp_path / "first" / "adapter"))
    assert read_json(first.path / "manifest.json")["kind"] == "adapted"
