"""The estimate's memory against the peak of a real process, on a CPU, for models whose memory goes to different things.

    python benchmarks/memory_estimate.py

Each case trains two steps in a process of its own, on random tokens; measured is the peak of its resident memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hanhua.cli.printing import print_table
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.estimate import estimate_training
from hanhua.continued_pretrain.hardware import find_hardware
from hanhua.continued_pretrain.model_shapes import ModelShape

SMALL = ModelShape(256, 896, 2, 4, 2, 128_256)
WIDE = ModelShape(1024, 3584, 4, 16, 4, 8192)
DEEP = ModelShape(512, 1792, 8, 8, 2, 8192)
LORA = {"lora": {"rank": 16}, "micro_batch_sequences": 1, "gradient_accumulation": 1}
CASES: dict[str, tuple[ModelShape, int, dict[str, Any]]] = {
    "real vocabulary, rows": (SMALL, 30_208, {**LORA, "sequence_tokens": 512}),
    "deep, long sequence": (DEEP, 256, {**LORA, "sequence_tokens": 2048}),
    "deep, recomputed": (DEEP, 256, {**LORA, "sequence_tokens": 2048, "gradient_checkpointing": True}),
    "wide": (WIDE, 256, {**LORA, "lora": {"rank": 64}, "sequence_tokens": 1024}),
    "deep, all weights": (DEEP, 0, {**LORA, "lora": None, "sequence_tokens": 512}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", choices=CASES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(peak_bytes(given.child)))
        return
    rows = []
    for name, (shape, new_rows, settings) in CASES.items():
        done = subprocess.run([sys.executable, __file__, "--child", name], stdout=subprocess.PIPE, check=True)
        measured = json.loads(done.stdout.splitlines()[-1])
        config = ContinuedPretrainConfig.model_validate(settings)
        hardware = find_hardware("cpu")
        found = estimate_training(shape, config=config, hardware=hardware, tokens=10**6, new_rows=new_rows)
        ratio = found.memory_bytes / measured - 1
        rows.append((name, f"{found.memory_bytes / 1e9:.2f}", f"{measured / 1e9:.2f}", f"{ratio:+.0%}"))
    print_table(("case", "estimated GB", "measured GB", "apart"), rows)


def peak_bytes(name: str) -> int:
    import torch

    from hanhua.continued_pretrain.model import build_training_model
    from hanhua.continued_pretrain.trained import parameter_groups

    shape, new_rows, settings = CASES[name]
    config = ContinuedPretrainConfig.model_validate(settings)
    whole = shape.with_rows(new_rows)
    with tempfile.TemporaryDirectory() as folder:
        write = "import sys, torch\nfrom transformers import LlamaConfig, LlamaForCausalLM\nimport json\n"
        write += "LlamaForCausalLM(LlamaConfig(**json.loads(sys.argv[1]))).save_pretrained(sys.argv[2])"
        sizes = {
            "vocab_size": whole.vocab_size,
            "hidden_size": whole.hidden_size,
            "intermediate_size": whole.intermediate_size,
            "num_hidden_layers": whole.layers,
            "num_attention_heads": whole.heads,
            "num_key_value_heads": whole.kv_heads,
            "tie_word_embeddings": False,
        }
        # In a process of its own, or making the model would be what is measured.
        subprocess.run([sys.executable, "-c", write, json.dumps(sizes), folder], check=True)
        first = shape.vocab_size if new_rows else None
        model = build_training_model(Path(folder), config, first_new_id=first, dtype=torch.float32).train()
    optimizer = torch.optim.AdamW(parameter_groups(model, config), fused=True)
    length = config.sequence_tokens
    for step in range(2):
        torch.manual_seed(step)
        ids = torch.randint(0, whole.vocab_size, (1, length))
        loss, _ = model(ids, torch.arange(length)[None] % 256, ids.roll(-1, dims=1))
        (loss / length).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
