"""The shapes of Llama models by name, and what follows from a shape: parameters and floating-point operations.

No torch: `hanhua plan` reads this. Figures per token follow the usual count of two operations a multiply-add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hanhua.errors import InputError


@dataclass(frozen=True)
class ModelShape:
    """A Llama's sizes, before any new rows. dtype_bytes: of one parameter on disk."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    vocab_size: int = 128_256
    head_size: int | None = None
    tied: bool = False
    dtype_bytes: int = 2

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> ModelShape:
        """Return the shape in a Hugging Face `config.json`; InputError names what it lacks."""
        try:
            return cls(
                hidden_size=settings["hidden_size"],
                intermediate_size=settings["intermediate_size"],
                layers=settings["num_hidden_layers"],
                heads=settings["num_attention_heads"],
                kv_heads=settings.get("num_key_value_heads") or settings["num_attention_heads"],
                vocab_size=settings["vocab_size"],
                head_size=settings.get("head_dim"),
                tied=bool(settings.get("tie_word_embeddings", False)),
                dtype_bytes=4 if "float32" in (settings.get("dtype"), settings.get("torch_dtype")) else 2,
            )
        except KeyError as error:
            raise InputError(f"config.json has no {error}, so the model's size is not known") from None

    def with_rows(self, new_rows: int) -> ModelShape:
        """Return the shape with this many more tokens."""
        return replace(self, vocab_size=self.vocab_size + new_rows)

    @property
    def query_width(self) -> int:
        """Width of all query heads together."""
        return self.heads * (self.head_size or self.hidden_size // self.heads)

    @property
    def kv_width(self) -> int:
        """Width of all key (or value) heads together."""
        return self.kv_heads * (self.head_size or self.hidden_size // self.heads)

    @property
    def linear_layers(self) -> dict[str, tuple[int, int]]:
        """(inputs, outputs) of the linear layers of one decoder layer, by name."""
        d, f, q, kv = self.hidden_size, self.intermediate_size, self.query_width, self.kv_width
        attention = {"q_proj": (d, q), "k_proj": (d, kv), "v_proj": (d, kv), "o_proj": (q, d)}
        return {**attention, "gate_proj": (d, f), "up_proj": (d, f), "down_proj": (f, d)}

    @property
    def layer_parameters(self) -> int:
        """Parameters of one decoder layer, its two norms included."""
        return sum(i * o for i, o in self.linear_layers.values()) + 2 * self.hidden_size

    @property
    def table_parameters(self) -> int:
        """Parameters of the embedding, and of the output layer where it is a matrix of its own."""
        return self.vocab_size * self.hidden_size * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self.layers * self.layer_parameters + self.table_parameters + self.hidden_size

    @property
    def matmul_parameters(self) -> int:
        """Parameters that every token is multiplied with: linear layers and the output layer."""
        linear = self.layers * sum(i * o for i, o in self.linear_layers.values())
        return linear + self.vocab_size * self.hidden_size

    def lora_parameters(self, rank: int, targets: tuple[str, ...] | None) -> int:
        """Parameters of adapters on the named linear layers; None: on all."""
        chosen = [size for name, size in self.linear_layers.items() if targets is None or name in targets]
        return self.layers * sum(rank * (i + o) for i, o in chosen)


SHAPES = {
    "Llama-3-8B": ModelShape(4096, 14336, 32, 32, 8),
    "Llama-3.1-8B": ModelShape(4096, 14336, 32, 32, 8),
    "Llama-3.2-1B": ModelShape(2048, 8192, 16, 32, 8, tied=True),
    "Llama-3.2-3B": ModelShape(3072, 8192, 28, 24, 8, head_size=128, tied=True),
    "Llama-3-70B": ModelShape(8192, 28672, 80, 64, 8),
    "Llama-3.1-70B": ModelShape(8192, 28672, 80, 64, 8),
    "Llama-3.3-70B": ModelShape(8192, 28672, 80, 64, 8),
    "Llama-3.1-405B": ModelShape(16384, 53248, 126, 128, 8),
}


def known_shape(model: str) -> ModelShape | None:
    """Return the shape of a Llama by its Hub id or folder name, or None.

    >>> known_shape("meta-llama/Meta-Llama-3-8B-Instruct") == SHAPES["Llama-3-8B"]
    True
    """
    name = model.rstrip("/").rpartition("/")[2].lower().replace("meta-", "")
    for known in sorted(SHAPES, key=len, reverse=True):
        if name == known.lower() or name.startswith(known.lower() + "-"):
            return SHAPES[known]
    return None


def step_flops_per_token(
    shape: ModelShape, *, sequence_length: int, trained: int | None, recompute: bool = False
) -> float:
    """Return the floating-point operations of one training step per token.

    trained: matmul parameters that receive a gradient of their own (adapters, new output rows), or None for all. A
    frozen weight costs 4 a token and a trained one 6; the Trainer's 6 for every parameter overstates LoRA by half.
    Causal attention costs 6 x layers x width x sequence, as if each sequence were one document. Recomputing
    activations costs one more forward pass of the layers.
    """
    weights = shape.matmul_parameters
    attention = 6 * shape.layers * shape.query_width * sequence_length
    flops: float = 6 * weights + attention if trained is None else 4 * weights + 6 * trained + attention
    if recompute:
        flops += 2 * (weights - shape.vocab_size * shape.hidden_size) + attention / 3
    return flops
