"""Small GGUF files of Llama models, written with gguf's own writer as llama.cpp's converter writes them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize, quantize
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

Weights = dict[str, npt.NDArray[np.float32]]
MADE_OF_BYTES = ("Q4_K", "Q5_K", "Q6_K")
"""Quantizations that gguf reads and cannot write."""


@dataclass(frozen=True)
class Small:
    """What is written. divisors: the tensor rope_freqs. scaling: keys below `llama.rope.scaling`."""

    quantization: str = "F32"
    tied: bool = True
    layers: int = 2
    hidden: int = 64
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 16
    intermediate: int = 96
    context: int = 256
    theta: float = 10_000.0
    pre: str = "llama-bpe"
    bias: bool = False
    divisors: tuple[float, ...] = ()
    scaling: dict[str, Any] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    add_bos: bool | None = None
    add_eos: bool | None = None


@dataclass(frozen=True)
class Vocabulary:
    tokens: list[str]
    types: list[int]
    merges: list[str]


def llama3_divisors(theta: float, head_size: int, *, factor: float, original: int) -> tuple[float, ...]:
    """Return what llama.cpp's converter puts into rope_freqs for Llama 3.1 and later, frequency by frequency."""
    divisors = []
    for index in range(0, head_size, 2):
        wave = 2 * math.pi * theta ** (index / head_size)
        share = (original / wave - 1) / (4 - 1)
        between = 1 / ((1 - share) / factor + share)
        divisors.append(1.0 if wave < original / 4 else factor if wave > original else between)
    return tuple(divisors)


def trained_vocabulary(texts: list[str], size: int, *, without_bytes: str = "") -> Vocabulary:
    """Learn merges across whole texts, uncut: any cut in another place gives other ids."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=8,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    learned = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    merges = [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    tokens = [token for token in learned if not set(token) & set(without_bytes)]
    merges = [line for line in merges if not set(line) & set(without_bytes)]
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<user defined>"]
    return Vocabulary([*tokens, *special], [1] * len(tokens) + [3, 3, 3, 4], merges)


def write_small_gguf(path: Path, small: Small, vocabulary: Vocabulary, *, seed: int = 0) -> Weights:
    """Write the file; return its weights as stored, dequantized whole, by GGUF's names and in GGUF's order of rows."""
    random = np.random.default_rng(seed)
    writer = GGUFWriter(path, "llama")
    writer.add_name("Small Llama")
    writer.add_license("llama3.2")
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, "Llama 3.2 1B")
    writer.add_base_model_repo_url(0, "https://huggingface.co/meta-llama/Llama-3.2-1B")
    _add_settings(writer, small, len(vocabulary.tokens))
    _add_vocabulary(writer, small, vocabulary)
    stored: Weights = {}
    for name, shape in _shapes(small, len(vocabulary.tokens)).items():
        if name in small.leave_out:
            continue
        kind = GGMLQuantizationType["F32" if len(shape) == 1 else small.quantization]
        raw = _raw(random, shape, kind)
        stored[name] = dequantize(raw, kind)
        writer.add_tensor(name, raw, raw_dtype=kind)
    if small.divisors:
        writer.add_tensor("rope_freqs.weight", np.array(small.divisors, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return stored


def _raw(random: np.random.Generator, shape: tuple[int, ...], kind: GGMLQuantizationType) -> npt.NDArray[Any]:
    """Return the stored form of a random matrix: for K quantizations random bits with small scales."""
    if kind.name not in MADE_OF_BYTES:
        if len(shape) == 1:
            return (1 + 0.1 * random.standard_normal(shape)).astype(np.float32)
        return quantize((random.standard_normal(shape) / 4).astype(np.float32), kind)
    block, size = GGML_QUANT_SIZES[kind]
    raw = random.integers(0, 256, (shape[0], shape[1] // block, size), np.uint8)
    scale = np.array([1e-3 if kind.name == "Q6_K" else 5e-4], np.float16).view(np.uint8)
    if kind.name == "Q6_K":
        raw[..., -2:] = scale
        raw[..., -18:-2] = random.integers(0, 20, raw[..., -18:-2].shape, np.uint8)
    else:
        raw[..., :2], raw[..., 2:4] = scale, scale
    return raw.reshape(shape[0], -1)


def _shapes(small: Small, tokens: int) -> dict[str, tuple[int, ...]]:
    query, key = small.heads * small.head_size, small.kv_heads * small.head_size
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (tokens, small.hidden)}
    for layer in range(small.layers):
        matrices = {
            "attn_q": (query, small.hidden),
            "attn_k": (key, small.hidden),
            "attn_v": (key, small.hidden),
            "attn_output": (small.hidden, query),
            "ffn_gate": (small.intermediate, small.hidden),
            "ffn_up": (small.intermediate, small.hidden),
            "ffn_down": (small.hidden, small.intermediate),
        }
        for name, shape in matrices.items():
            shapes[f"blk.{layer}.{name}.weight"] = shape
            if small.bias:
                shapes[f"blk.{layer}.{name}.bias"] = shape[:1]
        for name in ("attn_norm", "ffn_norm"):
            shapes[f"blk.{layer}.{name}.weight"] = (small.hidden,)
    shapes["output_norm.weight"] = (small.hidden,)
    if not small.tied:
        shapes["output.weight"] = (tokens, small.hidden)
    return shapes


def _add_settings(writer: GGUFWriter, small: Small, tokens: int) -> None:
    writer.add_vocab_size(tokens)
    writer.add_context_length(small.context)
    writer.add_embedding_length(small.hidden)
    writer.add_block_count(small.layers)
    writer.add_feed_forward_length(small.intermediate)
    writer.add_head_count(small.heads)
    writer.add_head_count_kv(small.kv_heads)
    if small.head_size * small.heads != small.hidden:
        writer.add_key_length(small.head_size)
        writer.add_value_length(small.head_size)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(small.head_size)
    writer.add_rope_freq_base(small.theta)
    for key, value in small.scaling.items():
        add = writer.add_string if isinstance(value, str) else writer.add_uint32
        (writer.add_float32 if isinstance(value, float) else add)(f"llama.rope.scaling.{key}", value)


def _add_vocabulary(writer: GGUFWriter, small: Small, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(small.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.tokens.index("<|begin_of_text|>"))
    writer.add_eos_token_id(vocabulary.tokens.index("<|end_of_text|>"))
    if small.add_bos is not None:
        writer.add_add_bos_token(small.add_bos)
    if small.add_eos is not None:
        writer.add_add_eos_token(small.add_eos)
    writer.add_eot_token_id(vocabulary.tokens.index("<|eot_id|>"))
