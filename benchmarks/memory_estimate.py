"""The estimate's memory against the peak of a real process, on a CPU, for models whose memory goes to different things.

    python benchmarks/memory_estimate.py [--as-it-runs]

Each case trains two steps on random tokens in processes of its own; measured is the largest peak of resident memory
among them. glibc is told to give freed memory back at once, which costs time; with `--as-it-runs` it is not, and the
peak is what tensors take and the gaps between them, which differ from run to run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from measurement import add_json_option, write_measurement

from hanhua.cli.printing import print_table
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.estimate import choose_placement
from hanhua.continued_pretrain.hardware import find_hardware
from hanhua.continued_pretrain.model_shapes import ModelShape

SMALL = ModelShape(256, 896, 2, 4, 2, 128_256)
TIED = ModelShape(512, 1792, 4, 8, 2, 128_256, tied=True)
WIDE = ModelShape(1024, 3584, 4, 16, 4, 8192)
DEEP = ModelShape(512, 1792, 8, 8, 2, 8192)


@dataclass(frozen=True)
class Case:
    """What is trained. settings: of the recipe. processes: two are DDP or FSDP2, as `settings` says."""

    shape: ModelShape
    new_rows: int
    settings: dict[str, Any] = field(default_factory=dict)
    processes: int = 1

    @property
    def config(self) -> ContinuedPretrainConfig:
        """Settings of a small step, with the case's own put in."""
        small = {"lora": {"rank": 16}, "micro_batch_size": 1, "gradient_accumulation_steps": 1}
        return ContinuedPretrainConfig.model_validate({**small, **self.settings})

    @property
    def placement(self) -> str:
        """How the model lies."""
        return self.config.parallel if self.processes > 1 else "single"


CASES = {
    "real vocabulary, LoRA and rows": Case(SMALL, 30_208, {"sequence_length": 512}),
    "deep, 2,048 tokens": Case(DEEP, 256, {"sequence_length": 2048}),
    "deep, all weights": Case(DEEP, 0, {"lora": None, "sequence_length": 512}),
    "deep, 4,096 tokens, recomputed": Case(DEEP, 256, {"sequence_length": 4096, "gradient_checkpointing": True}),
    "wide, rank 64": Case(WIDE, 256, {"lora": {"rank": 64}, "sequence_length": 1024}),
    "tied, real vocabulary, rows alone": Case(TIED, 30_208, {"trainable": "new_embeddings", "sequence_length": 512}),
    "real vocabulary, both matrices whole": Case(SMALL, 30_208, {"trainable": "embeddings", "sequence_length": 512}),
    "four micro-batches a step": Case(DEEP, 256, {"sequence_length": 1024, "gradient_accumulation_steps": 4}),
    "DDP, LoRA and rows": Case(SMALL, 30_208, {"sequence_length": 512, "parallel": "ddp"}, processes=2),
    "DDP, all weights": Case(WIDE, 0, {"lora": None, "sequence_length": 512, "parallel": "ddp"}, processes=2),
    "FSDP2, all weights": Case(WIDE, 0, {"lora": None, "sequence_length": 512, "parallel": "fsdp2"}, processes=2),
    "FSDP2, LoRA and rows": Case(WIDE, 4096, {"sequence_length": 1024, "parallel": "fsdp2"}, processes=2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="these cases")
    parser.add_argument("--as-it-runs", action="store_true", help="leave the allocator as it is")
    parser.add_argument("--child", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    add_json_option(parser)
    given = parser.parse_args()
    if given.child:
        print(peak_bytes(CASES[given.child], given.model))
        return
    rows, results = [], []
    for name in given.only:
        case = CASES[name]
        hardware = replace(find_hardware("cpu"), devices=case.processes)
        _, _, parts = choose_placement(
            case.shape.with_rows(case.new_rows), config=case.config, hardware=hardware, new_rows=case.new_rows
        )
        estimated, found = sum(parts.values()), measured(name, as_it_runs=given.as_it_runs)
        figures = (f"{estimated / 1e9:.2f}", f"{found / 1e9:.2f}", f"{estimated / found - 1:+.0%}")
        rows.append((name, case.placement, *figures))
        sizes = {"estimated_bytes": estimated, "measured_bytes": found}
        results.append({"case": name, "placement": case.placement, **sizes})
        print_table(("case", "placement", "estimated GB", "measured GB", "apart"), rows[-1:])
    print_table(("case", "placement", "estimated GB", "measured GB", "apart"), rows)
    write_measurement(__file__, given, results)


def measured(name: str, *, as_it_runs: bool) -> int:
    """Return the largest peak of a case's processes."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        # In a process of its own: writing it is none of what is measured.
        shape = json.dumps(asdict(case.shape.with_rows(case.new_rows)))
        subprocess.run([sys.executable, Path(__file__).with_name("random_llama.py"), shape, folder], check=True)
        free.bind(("127.0.0.1", 0))
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "OMP_NUM_THREADS": "1"}
        free.close()
        children = []
        for rank in range(case.processes):
            places = {
                "RANK": rank,
                "LOCAL_RANK": rank,
                "WORLD_SIZE": case.processes,
                "LOCAL_WORLD_SIZE": case.processes,
            }
            several = {key: str(value) for key, value in places.items()} if case.processes > 1 else {}
            command = [sys.executable, __file__, "--child", name, "--model", folder]
            giving_back = {} if as_it_runs else {"MALLOC_MMAP_THRESHOLD_": str(1 << 18)}
            environment = {**os.environ, **where, **several, **giving_back}
            children.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment))
        said = [child.communicate()[0] for child in children]
        assert not any(child.returncode for child in children)
        return max(int(text.splitlines()[-1]) for text in said)


def peak_bytes(case: Case, folder: Path) -> int:
    import torch

    from hanhua.continued_pretrain.execution import make_accelerator
    from hanhua.continued_pretrain.model import build_training_model
    from hanhua.continued_pretrain.parallel import place
    from hanhua.continued_pretrain.trained import parameter_groups

    config = case.config
    rows = case.shape.vocab_size + case.new_rows
    accelerator = make_accelerator("fp32")
    first = case.shape.vocab_size if case.new_rows else None
    model = build_training_model(folder, config, first_new_id=first, dtype=torch.float32).train()
    placed = place(model, accelerator, case.placement)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(parameter_groups(model, config), fused=True)
    length = config.sequence_length
    for step in range(2):
        torch.manual_seed(step)
        for turn in range(config.gradient_accumulation_steps):
            ids = torch.randint(0, rows, (1, length))
            with placed.gradients(last=turn == config.gradient_accumulation_steps - 1):
                loss, _ = placed.module(ids, torch.arange(length)[None] % 256, ids.roll(-1, dims=1))
                (loss / length).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
