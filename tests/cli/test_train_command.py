from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from hanhua.artifacts import Artifact, open_artifact
from hanhua.cli import train as train_cli
from hanhua.cli.entry import run_command


def run(*arguments: object) -> int:
    return run_command(lambda: train_cli.app([str(a) for a in arguments], standalone_mode=False))


@pytest.fixture
def config(settings: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({**settings, "max_tokens": 64 * 8}))
    return path


def test_a_plain_folder_becomes_an_adapted_artifact(
    resized: Artifact, corpus: Artifact, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(resized.path / "model", tmp_path / "plain")
    where = ["--corpus", corpus.path, "--out", tmp_path / "out", "--config", config]
    assert run("--model", folder, *where, "-s", "lora.rank=2", "--first-new-id", 390, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    artifact = open_artifact(tmp_path / "out", kind="adapted")
    assert artifact.config["lora"]["rank"] == 2
    assert artifact.facts["new_rows"] == facts["new_rows"] == 403 - 390
    assert {entry.path.split("/")[0] for entry in artifact.files} == {"adapter", "model"}

    assert run("--model", folder, *where) == 2
    assert "holds a finished model" in capsys.readouterr().err


def test_an_adapter_alone_is_plain_lora(
    resized: Artifact, corpus: Artifact, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--model", resized.path, "--corpus", corpus.path, "--config", config]
    assert run(*where, "--out", tmp_path / "out", "--adapter-only") == 0
    assert f"adapter: {tmp_path / 'out' / 'adapter'}" in capsys.readouterr().out
    artifact = open_artifact(tmp_path / "out", kind="adapter")
    assert {entry.path.split("/")[0] for entry in artifact.files} == {"adapter"}
    settings = json.loads((tmp_path / "out" / "adapter" / "adapter_config.json").read_text())
    assert settings["trainable_token_indices"] is None

    assert run(*where, "--out", tmp_path / "out") == 2
    assert f"-s continue_from={tmp_path / 'out'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["-s", "lerning_rate=1"], "lerning_rate: unknown key (did you mean learning_rate?)"),
        (["-s", "max_tokens=many"], "max_tokens: expected a whole number"),
        (["-s", "nonsense"], "expected key.subkey=value"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["--corpus", "nowhere"], "no manifest.json"),
        (["--model", "nowhere"], "neither a model artifact nor a Hugging Face model folder"),
        (["-s", "weights.zh=1", "-s", "weights.en_replay=0", "-s", "sequence_length=64000"], "less than one step"),
    ],
)
def test_mistakes_end_with_2_and_one_sentence(
    change: list[str],
    message: str,
    resized: Artifact,
    corpus: Artifact,
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["--model", resized.path, "--corpus", corpus.path, "--out", tmp_path / "out", "--config", config]
    assert run(*given, *change) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
