"""Real processes, really killed: the weights must be the bits of a run that nothing happened to."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from hanhua.artifacts import Artifact, open_artifact
from hanhua.continued_pretrain.train_log import read_rows

STEPS = 60


def command(resized: Artifact, corpus: Artifact, config: Path, out: Path) -> list[str]:
    program = [sys.executable, "-W", "error", "-m", "hanhua.cli.train"]
    where = ["--model", str(resized.path), "--corpus", str(corpus.path), "--out", str(out)]
    return [*program, *where, "--config", str(config), "--json"]


def kill_after(step: int, process: subprocess.Popen[str], log: Path, chance: random.Random) -> None:
    deadline = time.monotonic() + 120
    while not (rows := read_rows(log)) or rows[-1]["step"] < step:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(chance.random() * 0.05)
    os.kill(process.pid, signal.SIGKILL)


PHASES = [
    {"name": "rows", "tokens_ratio": 0.25, "trainable": "new_embeddings"},
    {"name": "main", "tokens_ratio": 0.5, "schedule": "wsd"},
    {"name": "anneal", "tokens_ratio": 0.25, "weights": {"zh": 0.9, "en_replay": 0.1}},
]


RETENTION = {
    "eval_steps": 4,
    "sets": ["english"],
    "heldout": ["zh", "en_replay"],
    "max_loss_increase": None,
    "replay": {"corpora": ["en_replay"], "target_loss_increase": 0.02, "min_share": 0.1, "max_share": 0.6},
}


@pytest.mark.parametrize(
    ("kills", "more"),
    [
        (1, {"phases": PHASES}),
        pytest.param(1, {"self_distillation": {"steps": 4, "rows_steps": 2}}, marks=pytest.mark.slow),
        pytest.param(3, {"phases": PHASES}, marks=pytest.mark.slow),
        pytest.param(3, {"retention": RETENTION}, marks=pytest.mark.slow),
        pytest.param(20, {"phases": PHASES}, marks=pytest.mark.soak),
        pytest.param(20, {"retention": RETENTION}, marks=pytest.mark.soak),
    ],
    ids=["1", "1-distilled", "3", "3-retention", "20", "20-retention"],
)
def test_kills_change_no_bit(
    kills: int, more: dict[str, Any], settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    """In every phase: rows alone, then everything that is trained, then another mixture; and under watch."""
    settings |= {"max_tokens": 64 * 4 * STEPS, "save_steps": 3, "lora": {"rank": 4, "dropout": 0.1}}
    settings |= more
    config = tmp_path / "settings.yaml"
    config.write_text(yaml.safe_dump({"continued_pretrain": settings}))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    whole = subprocess.Popen(command(resized, corpus, config, tmp_path / "whole"), **run)  # beside the others

    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    log = tmp_path / "killed" / "logs" / "train.jsonl"
    for step in sorted(chance.sample(range(1, STEPS - 4), kills)):
        process = subprocess.Popen(command(resized, corpus, config, tmp_path / "killed"), **run)
        kill_after(step, process, log, chance)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    last = subprocess.run(command(resized, corpus, config, tmp_path / "killed"), **run)
    assert last.returncode == 0, last.stderr
    assert "resuming from the checkpoint" in last.stderr
    out, error = whole.communicate()
    assert whole.returncode == 0, error

    assert open_artifact(tmp_path / "killed").content_hash == open_artifact(tmp_path / "whole").content_hash, seed
    assert json.loads(last.stdout) == json.loads(out)
    assert [row["step"] for row in read_rows(log)] == list(range(1, STEPS + 1))
    expected = read_rows(tmp_path / "whole" / "logs" / "train.jsonl")
    assert [row["loss"] for row in read_rows(log)] == [row["loss"] for row in expected]
    assert not (tmp_path / "killed" / "work").exists()
