"""SmolLM2-135M on large corpora, with and without new tokens, on the same bytes: an hour or two of two cores.

    python benchmarks/smollm2_arms.py pack DATA --model FOLDER --corpora DIR     texts, tokens and rows, beforehand
    python benchmarks/smollm2_pair.py DATA FOLDER --new 0 --out FILE.jsonl       one arm; 2048 for the other
    python benchmarks/smollm2_arms.py table FILE.jsonl --figure FILE.svg

The arm is one of set e of `smollm2_arms`, with shorter sequences and fewer measured documents, as suits a CPU. The
arms may run side by side; each appends one line to the file when it is finished.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

import smollm2_arms_training as training
import torch
from measurement import add_json_option, write_measurement
from smollm2_arms_data import PackedSet
from smollm2_arms_training import Arm, Bench

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.section_settings import LoraSettings

FORUM = "zh_messy_forum_comments"
MEASURED = {FORUM: 150}
MEASURED_ELSE = 20
CURVE = {FORUM: 60}
CURVE_ELSE = 4


class CpuBench(Bench):
    """A bench that computes in bf16 on a processor that does so quickly."""

    def autocast(self) -> torch.autocast:
        """bf16."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def set(self, name: str, new: int) -> PackedSet:
        """Return a packed set with fewer measured documents."""
        packed = super().set(name, new)
        few = {key: one.first(MEASURED.get(key, MEASURED_ELSE)) for key, one in packed.measured.items()}
        return replace(packed, measured=few)


def main() -> None:
    given = _arguments()
    torch.set_num_threads(given.threads)
    training.CURVE_POINTS, training.CURVE_DOCUMENTS_ELSE = given.points, CURVE_ELSE
    training.CURVE_DOCUMENTS.update(CURVE)
    bench = CpuBench(given.data, given.model, given.out, device="cpu", scale=1.0, deadline=math.inf)
    config = ContinuedPretrainConfig(
        sequence_length=1024,
        micro_batch_size=1,
        gradient_accumulation_steps=2,
        learning_rate=given.learning_rate,
        embedding_learning_rate=given.embedding_learning_rate,
        lora=LoraSettings(rank=32, alpha=16),
        seed=given.seed,
    )
    name = f"{'extended' if given.new else 'unextended'} seed {given.seed}"
    found = bench.run(Arm("e", name, given.new, config, train_bytes=given.train_bytes, micro=1))
    write_measurement(__file__, given, found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--new", type=int, choices=(0, 2048, 8192), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--train-bytes", type=int, default=800_000)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--embedding-learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--points", type=int, default=8, help="points of the curve")
    parser.add_argument("--threads", type=int, default=1)
    add_json_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
