"""Small Llama models in safetensors, whole or in shards, tied or not."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

UNTRAINED = (770, 771, 1000)


def write_small_model(
    folder: Path,
    tokenizer: Path,
    *,
    tied: bool = False,
    dtype: torch.dtype = torch.bfloat16,
    shard_size: str = "5GB",
    untrained: tuple[int, ...] = (),
) -> Path:
    """Write a seeded Llama of 1,024 rows and width 16; the rows named in `untrained` are zero."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1024,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
        rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 8192},
        max_position_embeddings=131072,
        bos_token_id=768,
        eos_token_id=[769, 777],
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(dtype)
    with torch.no_grad():
        for row in untrained:
            model.get_input_embeddings().weight[row] = 0
            model.get_output_embeddings().weight[row] = 0
    model.generation_config = GenerationConfig(bos_token_id=768, eos_token_id=[769, 777], do_sample=True, top_p=0.9)
    model.save_pretrained(folder, max_shard_size=shard_size)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        copyfile(tokenizer / name, folder / name)
    return folder
