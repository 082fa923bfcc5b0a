"""Ours against PEFT's `trainable_token_indices`, and against the Trainer with `modules_to_save`: speed and memory.

    python benchmarks/training_speed.py --work DIR

A Llama with 128,256 + 30,208 rows and random weights; packed documents of random tokens, a third of them new. Each way
runs in a process of its own, from the same weights over the same batches, with the same AdamW:

    ours      LoRA and new rows, chunked head, attention inside each document
    peft      LoRA and `trainable_token_indices`, through transformers' forward pass, plain cross entropy
    trainer   transformers' Trainer, LoRA and `modules_to_save` on both matrices, no document masks

Losses and the first step's gradients of the first two are compared; the third trains other weights, so is only timed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measurement import add_json_option, write_measurement
from random_llama import write_llama
from safetensors.torch import load_file, save_file
from torch import Tensor

from hanhua.cli.printing import print_table
from hanhua.continued_pretrain.model_shapes import ModelShape

WAYS = ("ours", "peft", "trainer")
OLD_ROWS = 128_256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the model")
    parser.add_argument("--new-rows", type=int, default=30_208)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--sequence", type=int, default=256)
    parser.add_argument("--sequences", type=int, default=2, help="a step")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2, help="times each way is run; the fastest step counts")
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    add_json_option(parser)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(CHILDREN[given.child](given)))
        return
    given.work.mkdir(parents=True, exist_ok=True)
    write_model(given)
    found = {way: measure(given, way) for way in given.ways}
    for _ in range(given.rounds - 1):
        for way in given.ways:
            again = measure(given, way)["seconds_per_step"]
            found[way]["seconds_per_step"] = min(found[way]["seconds_per_step"], again)
    report(given, found)
    apart = compare(given.work, found) if {"ours", "peft"} <= found.keys() else None
    write_measurement(__file__, given, {"ways": found, "ours_and_peft": apart})


def measure(given: argparse.Namespace, way: str) -> dict[str, Any]:
    command = [sys.executable, __file__, *sys.argv[1:], "--child", way]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(given: argparse.Namespace, found: dict[str, dict[str, Any]]) -> None:
    tokens = given.sequence * given.sequences
    first = found["ours"] if "ours" in found else next(iter(found.values()))
    rows = []
    for way, result in found.items():
        rate = tokens / result["seconds_per_step"]
        ratio = result["seconds_per_step"] / first["seconds_per_step"]
        extra = result["peak"] - result["loaded"]
        rows.append(
            (
                way,
                f"{rate:,.0f}",
                f"{ratio:.2f}x",
                f"{result['peak'] / 1e9:.2f}",
                f"{extra / 1e9:.2f}",
                f"{extra / (first['peak'] - first['loaded']):.2f}x",
                f"{result['losses'][0]:.5f}",
                f"{result['losses'][-1]:.5f}",
            )
        )
    head = ("way", "tokens/s", "time", "peak GB", "above the model GB", "ratio", "first loss", "last loss")
    print_table(head, rows)


def compare(work: Path, found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Print and return how far gradients and losses of ours and of peft rows are apart."""
    ours, theirs = load_file(work / "gradient-ours.safetensors"), load_file(work / "gradient-peft.safetensors")
    assert ours.keys() == theirs.keys()
    worst = max((float((ours[n] - theirs[n]).norm() / theirs[n].norm()), n) for n in ours if theirs[n].norm() > 0)
    apart = max(abs(a - b) for a, b in zip(found["ours"]["losses"], found["peft"]["losses"], strict=True))
    print(
        f"{len(ours)} gradients: at most {worst[0]:.1e} apart, relative ({worst[1]}); losses at most {apart:.1e} apart"
    )
    return {"gradients": len(ours), "gradient_relative_difference": worst[0], "loss_difference": apart}


# --- model and data ----------------------------------------------------------------------------------------------


def write_model(given: argparse.Namespace) -> None:
    shape = ModelShape(given.hidden, given.hidden * 7 // 2, given.layers, 4, 2, OLD_ROWS + given.new_rows)
    write_llama(given.work / "model", shape)


def batches(given: argparse.Namespace) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return ids, positions and targets of each step, in documents of 20 to 200 tokens."""
    chance = np.random.default_rng(0)
    made = []
    for _ in range(given.steps + 1):
        shape = (given.sequences, given.sequence)
        old, new = chance.integers(0, OLD_ROWS, shape), chance.integers(OLD_ROWS, OLD_ROWS + given.new_rows, shape)
        ids = np.where(chance.random(shape) < 1 / 3, new, old)
        labels, positions = np.roll(ids, -1, axis=1), np.zeros(shape, dtype=np.int64)
        labels[:, -1] = -100
        for row in range(given.sequences):
            low = 0
            while low < given.sequence:
                high = min(given.sequence, low + int(chance.integers(20, 200)))
                positions[row, low:high] = np.arange(high - low)
                labels[row, high - 1] = -100
                low = high
        made.append(tuple(torch.from_numpy(x) for x in (ids, positions, labels)))
    return made


# --- the ways ----------------------------------------------------------------------------------------------------


def run_ours(given: argparse.Namespace) -> dict[str, Any]:
    from hanhua.continued_pretrain.config import ContinuedPretrainConfig
    from hanhua.continued_pretrain.model import build_training_model
    from hanhua.continued_pretrain.trained import trainable_parameters

    config = ContinuedPretrainConfig.model_validate({"lora": {"rank": given.rank}})
    model = build_training_model(given.work / "model", config, first_new_id=OLD_ROWS, dtype=torch.float32)
    parameters = trainable_parameters(model)
    save_file({name: p.detach().contiguous() for name, p in parameters.items()}, given.work / "start.safetensors")
    return steps(given, parameters, lambda ids, positions, labels: model(ids, positions, labels)[0], "ours")


def run_peft(given: argparse.Namespace) -> dict[str, Any]:
    model = peft_model(given, rows=True)
    parameters = {our_name(name): p for name, p in model.named_parameters() if p.requires_grad}
    start = load_file(given.work / "start.safetensors")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(start[name])

    def loss(ids: Tensor, positions: Tensor, labels: Tensor) -> Tensor:
        logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")

    return steps(given, parameters, loss, "peft")


def our_name(name: str) -> str:
    if "trainable_tokens_delta" in name:
        return f"rows.{'embed_tokens' if 'embed_tokens' in name else 'lm_head'}"
    return f"model.{name}"


def peft_model(given: argparse.Namespace, *, rows: bool) -> Any:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    ids = list(range(OLD_ROWS, OLD_ROWS + given.new_rows))
    whole = ["embed_tokens", "lm_head"]
    settings = LoraConfig(
        r=given.rank,
        lora_alpha=16,
        use_rslora=True,
        target_modules="all-linear",
        trainable_token_indices=dict.fromkeys(whole, ids) if rows else None,
        modules_to_save=None if rows else whole,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(AutoModelForCausalLM.from_pretrained(given.work / "model"), settings)


def steps(
    given: argparse.Namespace, parameters: dict[str, Any], loss_of: Callable[..., Tensor], name: str
) -> dict[str, Any]:
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-3, weight_decay=0.0, fused=True)
    loaded, losses, times = memory_now(), [], []
    for number, (ids, positions, labels) in enumerate(batches(given)):
        began = time.perf_counter()
        targets = int((labels != -100).sum())
        loss = loss_of(ids, positions, labels) / targets
        loss.backward()
        losses.append(float(loss.detach()))
        if number == 0:
            gradients = {n: p.grad.clone().contiguous() for n, p in parameters.items()}
            save_file(gradients, given.work / f"gradient-{name}.safetensors")
            del gradients
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - began)
    return result(losses, times, loaded)


def run_trainer(given: argparse.Namespace) -> dict[str, Any]:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    model = peft_model(given, rows=False)
    items = [
        {"input_ids": ids[row], "labels": torch.where(labels[row].roll(1) == -100, -100, ids[row])}
        for ids, _, labels in batches(given)
        for row in range(given.sequences)
    ]
    times: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        began = 0.0

        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            times.append(time.perf_counter() - self.began)

    arguments = TrainingArguments(
        output_dir=str(given.work / "trainer"),
        per_device_train_batch_size=given.sequences,
        max_steps=given.steps + 1,
        learning_rate=1e-3,
        lr_scheduler_type="constant",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        optim="adamw_torch_fused",
    )
    loaded = memory_now()
    trainer = Trainer(model=model, args=arguments, train_dataset=items, callbacks=[Clock()])
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return result(losses, times, loaded)


def result(losses: list[float], times: list[float], loaded: int) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "losses": losses,
        "seconds_per_step": min(times[1:]),
        "peak": peak,
        "loaded": loaded,
    }


def memory_now() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


CHILDREN: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "ours": run_ours,
    "peft": run_peft,
    "trainer": run_trainer,
}

if __name__ == "__main__":
    main()
