"""Llama 3 8B's shapes with random weights on one CUDA GPU: tokens/s, share of the peak, memory; ours and the others.

    python benchmarks/training_gpu.py

8K sequences in documents of 200 to 4,000 tokens, LoRA rank 64 and 30,208 new rows, bf16, without recomputing. `peft` is
PEFT's `trainable_token_indices` with plain cross entropy, `whole` is PEFT's `modules_to_save` on both matrices. A way
that does not fit says so. `--small --sequence 256` is the same on a small model and any device, to try the script.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from measurement import add_json_option, write_measurement
from random_llama import llama_config
from torch import Tensor

from hanhua.cli.printing import print_table
from hanhua.continued_pretrain.attention import register
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.estimate import training_flops_per_token
from hanhua.continued_pretrain.model import TrainingModel, _with_lora
from hanhua.continued_pretrain.model_shapes import SHAPES, ModelShape
from hanhua.continued_pretrain.parallel import peak_flops_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequence", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--new-rows", type=int, default=30_208)
    parser.add_argument("--recompute", action="store_true", help="activation checkpointing")
    parser.add_argument("--ways", nargs="+", default=["ours", "peft", "whole"])
    parser.add_argument("--small", action="store_true", help="a small model, to try the script")
    add_json_option(parser)
    given = parser.parse_args()
    if not torch.cuda.is_available() and not given.small:
        sys.exit("no CUDA GPU here, so nothing was measured; --small tries the script itself on the CPU")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    shape = ModelShape(64, 224, 2, 4, 2, 1024) if given.small else SHAPES["Llama-3-8B"]
    config = ContinuedPretrainConfig(
        sequence_length=given.sequence,
        micro_batch_size=1,
        gradient_accumulation_steps=1,
        gradient_checkpointing=given.recompute,
    )
    config = config.model_copy(update={"lora": config.lora.model_copy(update={"rank": given.rank})})  # type: ignore[union-attr]
    given.new_rows = 256 if given.small else given.new_rows
    results = [{"way": way, **measure(way, shape, config, device, given)} for way in given.ways]
    print_table(("way", "tokens/s", "share of peak", "peak GB", "loss"), [row(found) for found in results])
    write_measurement(__file__, given, results)


def row(found: dict[str, Any]) -> tuple[str, ...]:
    if not found["fits"]:
        return found["way"], "does not fit", "", "", ""
    share = "" if found["peak_flops_ratio"] is None else f"{found['peak_flops_ratio']:.1%}"
    memory = "" if found["peak_bytes"] is None else f"{found['peak_bytes'] / 1e9:.1f}"
    return found["way"], f"{found['tokens_per_second']:,.0f}", share, memory, f"{found['loss']:.3f}"


def measure(
    way: str, shape: ModelShape, config: ContinuedPretrainConfig, device: torch.device, given: argparse.Namespace
) -> dict[str, Any]:
    new_rows = given.new_rows
    try:
        step, parameters = build(way, shape, config, device, new_rows)
        optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
        times, loss = [], torch.zeros(())
        for number in range(given.steps + 2):
            batch = make_batch(number, given.sequence, shape.vocab_size + new_rows, device)
            began = time.perf_counter()
            with torch.autocast(device.type, torch.bfloat16):
                loss = step(*batch) / given.sequence
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
    except torch.cuda.OutOfMemoryError:
        return {"fits": False}
    finally:
        gc.collect()
    rate = given.sequence / sorted(times[2:])[len(times[2:]) // 2]
    whole = shape.with_rows(new_rows)
    peak = peak_flops_of(torch.cuda.get_device_name()) if device.type == "cuda" else None
    share = None if peak is None else rate * training_flops_per_token(whole, config, new_rows) / peak
    memory = torch.cuda.max_memory_allocated() if device.type == "cuda" else None
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    figures = {"tokens_per_second": rate, "peak_flops_ratio": share, "peak_bytes": memory, "loss": loss.item()}
    return {"fits": True, **figures}


def build(
    way: str, shape: ModelShape, config: ContinuedPretrainConfig, device: torch.device, new_rows: int
) -> tuple[Callable[[Tensor, Tensor, Tensor], Tensor], list[Tensor]]:
    from transformers import LlamaForCausalLM

    settings = llama_config(shape.with_rows(new_rows), attn_implementation=register() if way == "ours" else "sdpa")
    with torch.device(device):
        torch.set_default_dtype(torch.bfloat16)
        model = LlamaForCausalLM(settings)
        torch.set_default_dtype(torch.float32)
    model.requires_grad_(False)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    assert config.lora is not None
    if way == "ours":
        ours = (
            TrainingModel(_with_lora(model, config.lora), first_new_id=shape.vocab_size, rows=True).to(device).train()
        )
        return lambda *batch: ours(*batch)[0], trained_in_fp32(ours)
    theirs = (
        with_peft(model, config.lora.rank, range(shape.vocab_size, shape.vocab_size + new_rows), rows=way == "peft")
        .to(device)
        .train()
    )

    def step(ids: Tensor, positions: Tensor, labels: Tensor) -> Tensor:
        logits = theirs(input_ids=ids, position_ids=positions, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), reduction="sum")

    return step, trained_in_fp32(theirs)


def with_peft(model: Any, rank: int, new_ids: range, *, rows: bool) -> Any:
    from peft import LoraConfig, get_peft_model

    both = ["embed_tokens", "lm_head"]
    settings = LoraConfig(
        r=rank,
        lora_alpha=16,
        use_rslora=True,
        target_modules="all-linear",
        trainable_token_indices={name: list(new_ids) for name in both} if rows else None,
        modules_to_save=None if rows else both,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, settings)


def trained_in_fp32(model: Any) -> list[Tensor]:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.data = parameter.data.float()
    return trained


def make_batch(seed: int, length: int, rows: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    chance = np.random.default_rng(seed)
    ids, positions = chance.integers(0, rows, length), np.zeros(length, dtype=np.int64)
    labels = np.roll(ids, -1)
    low = 0
    while low < length:
        high = min(length, low + int(chance.integers(200, 4000)))
        positions[low:high] = np.arange(high - low)
        labels[high - 1] = -100
        low = high
    first, second, third = (torch.from_numpy(x)[None].to(device) for x in (ids, positions, labels))
    return first, second, third


if __name__ == "__main__":
    main()
