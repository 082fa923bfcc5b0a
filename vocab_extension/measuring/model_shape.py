"""The shape of a Llama model: how many parameters it has, and what a token costs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.errors import InputError

BYTES_A_NUMBER = 2
"""bfloat16, for weights and cache alike."""


@dataclass(frozen=True)
class ModelShape:
    """What `config.json` says of a Llama model's matrices. tied: the head is the embedding matrix."""

    name: str
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate_size: int
    vocab_size: int
    tied: bool

    @property
    def layer_weights(self) -> int:
        """Numbers in the matrices of all layers: attention and feed-forward."""
        attention = 2 * self.hidden_size * self.head_size * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.hidden_size * self.intermediate_size)

    @property
    def matrices_of_rows(self) -> int:
        """How many matrices have a row for each token: embeddings and head, or one that is both."""
        return 1 if self.tied else 2

    @property
    def parameters(self) -> int:
        """All of them, norms too."""
        norms = self.hidden_size * (2 * self.layers + 1)
        return self.layer_weights + norms + self.matrices_of_rows * self.vocab_size * self.hidden_size

    @property
    def cache_bytes_per_token(self) -> int:
        """Bytes a token takes in the cache of keys and values."""
        return 2 * self.layers * self.kv_heads * self.head_size * BYTES_A_NUMBER

    def flops_per_token(self, new_tokens: int = 0) -> int:
        """Return the FLOPs of one forward pass for one token: two for each number of each matrix it meets.

        Without attention to the tokens before it, which depends on their number. The embedding is looked up.
        """
        return 2 * (self.layer_weights + (self.vocab_size + new_tokens) * self.hidden_size)


# Hidden size, layers, heads, key-value heads, head size, feed-forward size, ids, tied: as published.
SHAPES = {
    "1b": ModelShape("Llama 3.2 1B", 2048, 16, 32, 8, 64, 8192, 128_256, True),
    "3b": ModelShape("Llama 3.2 3B", 3072, 28, 24, 8, 128, 8192, 128_256, True),
    "8b": ModelShape("Llama 3 8B", 4096, 32, 32, 8, 128, 14_336, 128_256, False),
    "70b": ModelShape("Llama 3 70B", 8192, 80, 64, 8, 128, 28_672, 128_256, False),
    "405b": ModelShape("Llama 3.1 405B", 16_384, 126, 128, 8, 128, 53_248, 128_256, False),
}


def read_model_shape(place: Path) -> ModelShape:
    """Read the shape out of a model's `config.json`, or of the folder that holds one."""
    place = place / "config.json" if place.is_dir() else place
    if not place.is_file():
        raise InputError(f"{place}: no such file; it should be a model's config.json")
    config: dict[str, Any] = read_json(place)
    wanted = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    missing = [name for name in wanted if not isinstance(config.get(name), int)]
    if missing:
        raise InputError(f"{place}: no number for {', '.join(missing)}; it should be the config.json of a Llama model")
    hidden, layers, heads, intermediate, vocab = (int(config[name]) for name in wanted)
    return ModelShape(
        str(config.get("_name_or_path") or place.parent.name or place),
        hidden,
        layers,
        heads,
        int(config.get("num_key_value_heads") or heads),
        int(config.get("head_dim") or hidden // heads),
        intermediate,
        vocab,
        bool(config.get("tie_word_embeddings", False)),
    )
