"""`hanhua plan`'s speed compared with what others published of their own training: tokens/s per GPU and the ratio.

    python benchmarks/estimates_by_gpu.py

The published figures are of other programs than Hanhua, each as its source states it; what the source does not say
(the rank of an adapter) is noted. Nothing is trained here.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

from measurement import add_json_option, write_measurement

from hanhua.cli.printing import print_table
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.estimate import estimate_training
from hanhua.continued_pretrain.hardware import OwnFigures, find_hardware
from hanhua.continued_pretrain.model_shapes import SHAPES, ModelShape

INTERNLM_7B = ModelShape(4096, 11008, 32, 32, 32, vocab_size=103_168)
AQUILA2_7B = ModelShape(4096, 11008, 32, 32, 32, vocab_size=100_008)
ADAPTER = {"rank": 16, "alpha": 32}
"""Assumed where the source names no rank; from 8 to 64 the estimate changes by 3%."""
AUTOMODEL = "NVIDIA NeMo AutoModel, performance summary (LoRA, 4,096 tokens, micro-batch 2)"
TITAN_H100 = "torchtitan, benchmarks/llama3_h100_202412_torchtitan.md, table 1 (8,192 tokens, batch 2; HBM of 2.4 TB/s)"
TITAN_A100 = "torchtitan, docs/performance.md of 2024 (64 GPUs, 8,192 tokens, batch 1)"
INTERN = "InternLM/InternEvo, doc/en/train_performance.md (2,048 tokens, no recomputing)"
FLAG = "FlagOpen/FlagPerf, training/nvidia/aquila2_7b_finetune-flagscale (2,048 tokens, 16 micro-batches)"
TUNE = "pytorch/torchtune, README of September 2024 (2,048 tokens, batch 2, recomputing, compiled)"


@dataclass(frozen=True)
class Published:
    """One published speed. per_gpu: tokens per second and GPU. settings: of `continued_pretrain`, as in the source."""

    hardware: str
    model: str
    shape: ModelShape
    how: str
    per_gpu: float
    source: str
    settings: dict[str, Any]
    own: OwnFigures = field(default_factory=OwnFigures)


def _full(length: int, batch: int, **more: Any) -> dict[str, Any]:
    return {
        "sequence_length": length,
        "micro_batch_size": batch,
        "lora": None,
        "gradient_accumulation_steps": 1,
        **more,
    }


def _lora(length: int, batch: int, **more: Any) -> dict[str, Any]:
    return {"sequence_length": length, "micro_batch_size": batch, "lora": ADAPTER, **more}


SLOW_HBM = OwnFigures(memory_gb=96, bandwidth_gb_per_second=2400)
LLAMA, LARGE = SHAPES["Llama-3-8B"], SHAPES["Llama-3-70B"]
PUBLISHED = (
    Published("1xH100", "Llama 3 8B", LLAMA, "LoRA", 12_472.87, AUTOMODEL, _lora(4096, 2)),
    Published("8xH100", "Llama 3.1 8B", LLAMA, "all weights", 5_762, TITAN_H100, _full(8192, 2), SLOW_HBM),
    Published("8xH100", "Llama 3.1 8B", LLAMA, "all weights, compiled", 6_667, TITAN_H100, _full(8192, 2), SLOW_HBM),
    Published("64xA100-80GB", "Llama 3 8B", LLAMA, "all weights", 2_973, TITAN_A100, _full(8192, 1)),
    Published("64xA100-80GB", "Llama 3 70B", LARGE, "all weights, recomputing", 331, TITAN_A100,
              _full(8192, 1, gradient_checkpointing=True)),
    Published("8xA100-80GB", "InternLM 7B", INTERNLM_7B, "all weights", 4_103, INTERN,
              _full(2048, 2, gradient_accumulation_steps=4)),
    Published("8xA800", "Aquila2 7B", AQUILA2_7B, "all weights", 4_318.9, FLAG,
              _full(2048, 1, gradient_accumulation_steps=16)),
    Published("1xRTX4090", "Llama 3.1 8B", LLAMA, "LoRA", 3_083, TUNE, _lora(2048, 2, gradient_checkpointing=True)),
    Published("1xRTX4090", "Llama 3.1 8B", LLAMA, "4-bit LoRA", 2_413, TUNE,
              _lora(2048, 2, gradient_checkpointing=True, quantize="nf4")),
)  # fmt: skip


def estimated(one: Published) -> float:
    """Return the tokens per second and GPU that `hanhua plan` would show."""
    hardware = find_hardware(one.hardware, own=one.own)
    config = ContinuedPretrainConfig.model_validate({"max_tokens": 10**9, **one.settings})
    found = estimate_training(one.shape, config=config, hardware=hardware, tokens=10**9)
    return found.tokens_per_second / hardware.devices


def compared() -> list[dict[str, Any]]:
    """Return a row for each published figure; ratio: estimate over published."""
    rows = []
    for one in PUBLISHED:
        rate = estimated(one)
        ratio = round(rate / one.per_gpu, 2)
        rows.append(
            {"hardware": one.hardware, "model": one.model, "how": one.how, "estimated": round(rate),
             "published": one.per_gpu, "ratio": ratio, "source": one.source}
        )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_json_option(parser)
    given = parser.parse_args()
    rows = compared()
    shown = ("hardware", "model", "how", "estimated", "published", "ratio")
    print_table(shown, [[f"{row[name]:,}" if name in shown[3:] else row[name] for name in shown] for row in rows])
    write_measurement(__file__, given, rows)


if __name__ == "__main__":
    main()
