"""A training step at SmolLM2 135M's shapes on a CPU, this checkout against another: processor seconds, loss, gradient.

    git worktree add ../before COMMIT
    python benchmarks/training_step.py --against ../before

30 layers of 576, tied, 49,152 rows of which 512 are trained, LoRA of rank 32, two sequences of 512 tokens, documents of
173. The weights are random and the same for all. Each way runs in a process of its own, one after the other, `--rounds`
times in turn; what counts is processor time, so other work on the machine hardly matters.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from measurement import add_json_option, write_measurement
from random_llama import write_llama

from hanhua.cli.printing import print_table
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import build_training_model
from hanhua.continued_pretrain.model_shapes import ModelShape

SHAPE = ModelShape(576, 1536, 30, 9, 3, 49_152, tied=True)
SEQUENCES, LENGTH, DOCUMENT, NEW_ROWS = 2, 512, 173, 512
HERE = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, help="another checkout of this repository")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child", nargs=2, metavar=("MODEL", "PRECISION"), help=argparse.SUPPRESS)
    add_json_option(parser)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(Path(given.child[0]), given.child[1], given.threads)))
        return
    results: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        write_llama(Path(folder), SHAPE)
        for _ in range(given.rounds):
            for precision in ("fp32", "bf16"):
                for name, checkout in (("before", given.against), ("now", HERE)):
                    results.setdefault((precision, name), []).append(run(checkout, folder, precision, given))
    rows = [summary(*way, found) for way, found in results.items()]
    seconds = {(row["precision"], row["code"]): row["seconds_per_step"] for row in rows}
    print_table(
        ("precision", "code", "seconds per step", "times before", "loss"),
        [
            (
                row["precision"],
                row["code"],
                f"{row['seconds_per_step']:.2f}",
                f"{seconds[row['precision'], 'before'] / row['seconds_per_step']:.2f}",
                f"{row['losses'][0]:.7f}",
            )
            for row in rows
        ],
    )
    write_measurement(__file__, given, rows)


def run(checkout: Path, model: str, precision: str, given: argparse.Namespace) -> dict[str, Any]:
    line = [sys.executable, __file__, "--against", str(checkout), "--threads", str(given.threads)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout.resolve() / ".types"),
        "OMP_NUM_THREADS": str(given.threads),
    }
    done = subprocess.run([*line, "--child", model, precision], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(folder: Path, precision: str, threads: int) -> dict[str, Any]:
    """Return processor seconds, mean loss and norm of the gradient of five steps over the same weights."""
    torch.set_num_threads(threads)
    bf16 = precision == "bf16"
    config = ContinuedPretrainConfig.model_validate({"lora": {"rank": 32, "alpha": 16}})
    dtype = torch.bfloat16 if bf16 else torch.float32
    model = build_training_model(folder, config, first_new_id=SHAPE.vocab_size - NEW_ROWS, dtype=dtype).train()
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=chance) * 0.01)
    seconds, losses, norms = [], [], []
    for seed in range(5):
        drawn = np.random.default_rng(seed).integers(0, SHAPE.vocab_size, (SEQUENCES, LENGTH))
        ids, positions = torch.from_numpy(drawn), torch.arange(LENGTH).repeat(SEQUENCES, 1) % DOCUMENT
        began = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss, _ = model(ids, positions, ids.roll(-1, 1))
        loss.backward()
        seconds.append(time.process_time() - began)
        squares = [p.grad.double().square().sum() for p in model.parameters() if p.grad is not None]
        losses.append(loss.item() / ids.numel())
        norms.append(torch.stack(squares).sum().sqrt().item())
        model.zero_grad(set_to_none=True)
    return {"seconds": seconds[1:], "losses": losses, "norms": norms}


def summary(precision: str, code: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = [second for one in found for second in one["seconds"]]
    return {
        "precision": precision,
        "code": code,
        "seconds_per_step": median(seconds),
        "all_seconds": seconds,
        "losses": found[0]["losses"],
        "norms": found[0]["norms"],
    }


if __name__ == "__main__":
    main()
