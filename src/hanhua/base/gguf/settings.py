"""The shape of the Llama model in a GGUF file, checked, as config.json and generation_config.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.base.gguf.header import GgufHeader
from hanhua.base.gguf.quantized import small_tensor
from hanhua.base.gguf.rope_scaling import rope_parameters, shortest_float
from hanhua.base.gguf.vocabulary import GgufVocabulary
from hanhua.errors import InputError

ARCHITECTURE = "llama"
ROPE_FREQS = "rope_freqs.weight"
_PREFIX = f"{ARCHITECTURE}."
_ONLY_AS = {
    "expert_count": 0,
    "attention.causal": True,
    "attention.scale": None,
    "attention.sliding_window": None,
    "residual_scale": None,
    "embedding_scale": None,
    "logit_scale": None,
}
"""Keys that change what the model computes, with the only value that transformers' Llama has for them."""


@dataclass(frozen=True)
class LlamaShape:
    """Sizes of a Llama model and its rotary positions, in config.json's words."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    context_tokens: int
    norm_epsilon: float
    rope: dict[str, Any]
    tied: bool
    attention_bias: bool
    mlp_bias: bool


def check_architecture(header: GgufHeader) -> None:
    """Raise InputError unless the file is a Llama model that transformers' LlamaForCausalLM computes."""
    found = header.metadata.get("general.architecture")
    if found != ARCHITECTURE:
        raise InputError(f"{header.path}: holds a model of the architecture {found}; {ARCHITECTURE} can be read")
    kind = header.metadata.get("general.type", "model")
    if kind != "model":
        raise InputError(f"{header.path}: a GGUF file of the type {kind}, where a model was expected")
    for key, only in _ONLY_AS.items():
        value = header.metadata.get(_PREFIX + key, only)
        if value != only:
            what = "a mixture of experts" if key == "expert_count" else "another model than Llama"
            raise InputError(f"{header.path}: {_PREFIX}{key} is {value}: {what}, which cannot be read")


def read_shape(header: GgufHeader) -> LlamaShape:
    """Return the shape; InputError for a missing or unusual setting."""
    place = header.path
    values = {k.removeprefix(_PREFIX): v for k, v in header.metadata.items() if k.startswith(_PREFIX)}
    hidden, heads = _count(place, values, "embedding_length"), _count(place, values, "attention.head_count")
    kv_heads = _count(place, values, "attention.head_count_kv", heads)
    head_size = _count(place, values, "attention.key_length", hidden // heads)
    for key in ("attention.value_length", "rope.dimension_count"):
        if _count(place, values, key, head_size) != head_size:
            raise InputError(f"{place}: {_PREFIX}{key} is {values[key]}, and a head has {head_size} values")
    if heads % kv_heads or head_size % 2:
        raise InputError(f"{place}: {heads} heads of {head_size} values, {kv_heads} of keys; the file is damaged")
    context = _count(place, values, "context_length")
    epsilon = values.get("attention.layer_norm_rms_epsilon")
    if not isinstance(epsilon, float):
        raise InputError(f"{place}: no {_PREFIX}attention.layer_norm_rms_epsilon; the file is damaged")
    rope = {k.removeprefix("rope."): v for k, v in values.items() if k.startswith("rope.")}
    divisors = small_tensor(header, ROPE_FREQS).astype(float) if ROPE_FREQS in header.tensors else None
    if divisors is not None and divisors.size != head_size // 2:
        raise InputError(f"{place}: {ROPE_FREQS} has {divisors.size} values for heads of {head_size}")
    return LlamaShape(
        layers=_count(place, values, "block_count"),
        hidden=hidden,
        intermediate=_count(place, values, "feed_forward_length"),
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        context_tokens=context,
        norm_epsilon=shortest_float(epsilon),
        rope=rope_parameters(place, rope, head_size=head_size, context_tokens=context, divisors=divisors),
        tied="output.weight" not in header.tensors,
        attention_bias="blk.0.attn_q.bias" in header.tensors,
        mlp_bias="blk.0.ffn_down.bias" in header.tensors,
    )


def config_json(shape: LlamaShape, vocabulary: GgufVocabulary, *, dtype: str) -> dict[str, Any]:
    """Return the content of config.json."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": shape.attention_bias,
        "attention_dropout": 0.0,
        "bos_token_id": vocabulary.bos,
        "dtype": dtype,
        "eos_token_id": vocabulary.eos,
        "head_dim": shape.head_size,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initializer_range": 0.02,  # transformers' own; GGUF does not say
        "intermediate_size": shape.intermediate,
        "max_position_embeddings": shape.context_tokens,
        "mlp_bias": shape.mlp_bias,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "pad_token_id": vocabulary.pad,
        "rms_norm_eps": shape.norm_epsilon,
        "rope_parameters": shape.rope,
        "tie_word_embeddings": shape.tied,
        "use_cache": True,
        "vocab_size": len(vocabulary.tokens),
    }


def generation_config_json(vocabulary: GgufVocabulary) -> dict[str, Any]:
    """Return the content of generation_config.json: every id that ends generation in llama.cpp."""
    ends = list(vocabulary.ends)
    pad = {} if vocabulary.pad is None else {"pad_token_id": vocabulary.pad}
    bos = {} if vocabulary.bos is None else {"bos_token_id": vocabulary.bos}
    return {**bos, "eos_token_id": ends if len(ends) > 1 else ends[0], **pad}


def _count(place: Path, values: dict[str, Any], key: str, default: int | None = None) -> int:
    found = values.get(key, default)
    if isinstance(found, list) and len(set(found)) == 1:
        found = found[0]
    if isinstance(found, list):
        raise InputError(f"{place}: {_PREFIX}{key} differs from layer to layer, which cannot be read")
    if not isinstance(found, int) or found < 1:
        raise InputError(f"{place}: {_PREFIX}{key} is {found}, where a number from 1 was expected; the file is damaged")
    return found
