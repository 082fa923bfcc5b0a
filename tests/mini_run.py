"""A recipe that runs from texts to a release in seconds: a small tokenizer of Llama 3's family, a tiny toy model."""

from __future__ import annotations

from pathlib import Path

from repository import QUICKSTART
from small_llama import write_small_base

DATA = QUICKSTART
STAGES = ["filtering", "base", "vocab_extension", "resize", "continued_pretrain", "release", "report"]

RECIPE = """\
name: Llama-3-mini
base:
  toy: {{hidden_size: 16, layers: 1, heads: 2, kv_heads: 1, pretrain_tokens: 4096, threads: 1}}
  tokenizer: {tokenizer}
corpora:
  zh: {{path: "{data}/zh_hans_a.jsonl", weight: 0.8, license: Apache-2.0}}
  en: {{path: "{data}/en.jsonl", language: en, weight: 0.2, license: Apache-2.0}}
filtering: {{heldout_ratio: 0.1}}
vocab_extension: {{new_tokens: 256, dictionary_weight: 0}}
continued_pretrain:
  max_tokens: {tokens}
  sequence_length: 128
  micro_batch_size: 2
  gradient_accumulation_steps: 1
  learning_rate: 1.0e-2
  lora: {{rank: 4}}
  save_steps: 8
  threads: 1
release: {{}}
"""


def write_recipe(folder: Path, *, tokens: int = 16384) -> Path:
    """Write the recipe and the tokenizer it names."""
    (folder / "tokenizer").mkdir(parents=True)
    tokenizer = write_small_base(folder / "tokenizer")
    path = folder / "mini.yaml"
    path.write_text(RECIPE.format(tokenizer=tokenizer, data=DATA, tokens=tokens), encoding="utf-8")
    return path
