"""Two processes on the CPU (gloo): the same steps as one process with the same batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.train_log import read_rows


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one(
    settings: dict[str, Any], resized: Artifact, corpus: Artifact, tmp_path: Path
) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for processes, micro in ((1, 2), (2, 1)):
        config, out = tmp_path / f"{processes}.yaml", tmp_path / str(processes)
        config.write_text(yaml.safe_dump({**settings, "micro_batch_sequences": micro}))
        launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--no-python"]
        program = [sys.executable, "-m", "hanhua.cli.train", "--config", str(config), "--out", str(out)]
        inputs = ["--model", str(resized.path), "--corpus", str(corpus.path)]
        done = subprocess.run([*launch, *program, *inputs], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    one, two = (read_rows(tmp_path / name / "logs" / "train.jsonl") for name in "12")
    assert [row["step"] for row in one] == [row["step"] for row in two] == list(range(1, 13))
    for first, second in zip(one, two, strict=True):
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-3)
        assert first["bits_per_character"] == pytest.approx(second["bits_per_character"], rel=1e-3)
    assert one[0]["grad_norm"] == pytest.approx(two[0]["grad_norm"], rel=1e-4)
    adapters = [load_file(tmp_path / name / "adapter" / "adapter_model.safetensors") for name in "12"]
    assert adapters[0].keys() == adapters[1].keys()
