"""Models from Python: trained, compared, restored, published; small real ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_release
from safetensors.numpy import load_file, save_file
from tiny_corpus import make_documents

import hanhua
from hanhua.artifacts import Artifact, open_artifact
from hanhua.base_tokenizer import write_llama3_tokenizer
from hanhua.errors import InputError, UsageError

pytest.importorskip("torch")


def test_a_model_is_trained_and_compared(
    resized: Artifact, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    facts = hanhua.train(resized.path, corpus=corpus.path, out=tmp_path / "trained", **settings)
    assert facts["last_loss"] < facts["first_loss"]
    assert open_artifact(tmp_path / "trained", kind="adapted").facts == facts
    with pytest.raises(UsageError, match="holds a finished model"):
        hanhua.train(resized.path, corpus=corpus.path, out=tmp_path / "trained", **settings)

    rows = [json.dumps({"text": one.text}, ensure_ascii=False) for one in make_documents()[:8]]
    (tmp_path / "texts.jsonl").write_text("\n".join(rows), encoding="utf-8")
    models = {"before": resized.path / "model", "after": tmp_path / "trained" / "model"}
    scores = hanhua.evaluate(models, out=tmp_path / "scores", corpora={"mine": tmp_path / "texts.jsonl"})
    assert list(scores["models"]) == ["before", "after"]
    assert scores == json.loads((tmp_path / "scores" / "scores.json").read_text(encoding="utf-8"))


def test_nothing_to_measure_is_said_before_a_model_is_opened(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to measure"):
        hanhua.evaluate({"before": tmp_path / "nowhere"}, out=tmp_path / "scores")


def test_a_base_that_was_not_adapted_becomes_half_the_instruct_model(resized: Artifact, tmp_path: Path) -> None:
    base = resized.path / "model"
    instruct = shutil.copytree(base, tmp_path / "instruct")
    weights = load_file(base / "model.safetensors")
    noise = np.random.default_rng(0)
    tuned = {name: (old + noise.normal(0, 0.01, old.shape)).astype(old.dtype) for name, old in weights.items()}
    save_file(tuned, instruct / "model.safetensors", metadata={"format": "pt"})
    facts = hanhua.restore(resized.path, base=base, instruct=instruct, out=tmp_path / "chat", scale=0.5)
    assert facts["scale"] == 0.5
    made = load_file(tmp_path / "chat" / "model.safetensors")
    assert all(np.allclose(made[name], (weights[name] + tuned[name]) / 2, atol=1e-6) for name in weights)


def test_a_model_and_a_tokenizer_that_do_not_belong_together_are_refused(resized: Artifact, tmp_path: Path) -> None:
    (tmp_path / "llama3").mkdir()
    write_llama3_tokenizer(tmp_path / "llama3")
    with pytest.raises(InputError):
        hanhua.resize(resized.path / "model", tokenizer=tmp_path / "llama3", out=tmp_path / "zh")
    assert not (tmp_path / "zh").exists()


def test_a_dry_run_lists_what_would_be_published(tmp_path: Path) -> None:
    release = tiny_release.make(tiny_release.job(), tiny_release.artifacts(tmp_path / "run"), tmp_path / "release")
    plan = hanhua.publish(release.path, repo_id="me/Llama-3-x", dry_run=True)
    assert plan["files"].keys() >= {entry.path for entry in release.files}
    assert plan["commit"] is None
    assert plan["public"] is False
