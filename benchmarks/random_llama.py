"""A Llama of any shape with random weights, for the benchmarks of training.

    python benchmarks/random_llama.py '{"vocab_size": 128256, "hidden_size": 64, …}' FOLDER [initializer_range]

The tokenizer of Llama 3 goes beside weights that have its 128,256 rows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from hanhua.base_tokenizer import write_llama3_tokenizer
from hanhua.continued_pretrain.model_shapes import ModelShape


def llama_config(shape: ModelShape, **more: Any) -> LlamaConfig:
    """Return transformers' config of a shape, as Llama 3 has it."""
    return LlamaConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=8192,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        tie_word_embeddings=shape.tied,
        **more,
    )


def write_llama(folder: Path, shape: ModelShape, **more: Any) -> None:
    """Write seeded random weights."""
    torch.manual_seed(0)
    LlamaForCausalLM(llama_config(shape, **more)).save_pretrained(folder)


if __name__ == "__main__":
    folder, shape = Path(sys.argv[2]), ModelShape(**json.loads(sys.argv[1]))
    write_llama(folder, shape, initializer_range=float(sys.argv[3]) if sys.argv[3:] else 0.02)
    if shape.vocab_size == 128_256:
        write_llama3_tokenizer(folder)
