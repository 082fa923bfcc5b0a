"""What fitting new rows takes before training begins: operations, texts, memory. No torch.

The student goes there and back through frozen layers, the teacher there alone, and over more tokens: the same text in
the base's own. Every device holds the whole model meanwhile, whatever training does with it.
"""

from __future__ import annotations

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.memory_parts import (
    GRADIENT_BYTES,
    LIBRARIES_BYTES,
    LOGITS_ELEMENTS,
    MOMENTS_BYTES,
    VALUE_BYTES,
    activations_bytes,
    frozen_bytes,
    trained_sizes,
)
from hanhua.continued_pretrain.model_shapes import ModelShape


def distillation_tokens(config: ContinuedPretrainConfig, *, tokens: int, processes: int) -> int:
    """Return how many tokens of the run, in the new spelling, rows are fitted to; 0 without the setting.

    >>> config = ContinuedPretrainConfig.model_validate({"row_distillation": {"steps": 3}, "sequence_length": 100})
    >>> [distillation_tokens(config, tokens=tokens, processes=2) for tokens in (1_000_000, 7_000)]
    [9600, 6400]
    """
    if config.row_distillation is None:
        return 0
    step = config.tokens_per_step * processes
    return min(config.row_distillation.steps, tokens // step) * step


def distillation_flops_per_token(
    shape: ModelShape, config: ContinuedPretrainConfig, new_rows: int, *, old_per_new: float = 1.0
) -> float:
    """Return the operations per token of the new spelling. shape: with the new rows.

    old_per_new: tokens of the base for one of the extended vocabulary, over the texts.
    """
    settings = config.row_distillation
    assert settings is not None
    head = shape.vocab_size * shape.hidden_size
    layers = shape.matmul_parameters - head
    forward = 2 * shape.layers * shape.query_width * config.sequence_length
    student = 4 * layers + 3 * forward + (2 * layers + forward if config.gradient_checkpointing else 0)
    teacher = old_per_new * (2 * layers + old_per_new * forward)
    outputs = 2 * (1 + old_per_new) * head + 2 * new_rows * shape.hidden_size if settings.outputs else 0.0
    return float(student + teacher + outputs)


def distillation_parts(
    shape: ModelShape, config: ContinuedPretrainConfig, *, new_rows: int, on_gpu: bool
) -> dict[str, int]:
    """Return bytes of one device by part while rows are fitted; nothing without the setting. shape: with the rows."""
    settings = config.row_distillation
    if settings is None:
        return {}
    trained = trained_sizes(shape, config, new_rows)
    matrices = 1 if shape.tied or not settings.outputs else 2
    fitted = matrices * new_rows * shape.hidden_size
    tokens = config.sequence_length * config.micro_batch_size
    # One chunk of logits and its exponentials; those of the new rows, their exponentials and gradient.
    chunk = 2 * LOGITS_ELEMENTS["gpu" if on_gpu else "cpu"]
    parts = {
        "frozen weights": frozen_bytes(shape, config, trained, on_gpu=on_gpu),
        "trained weights": trained.total * VALUE_BYTES,
        "rows, gradients and optimizer": fitted * (VALUE_BYTES + GRADIENT_BYTES + MOMENTS_BYTES["adamw"]),
        "activations": activations_bytes(shape, config, on_gpu=on_gpu),
        "logits": 4 * (chunk + 3 * tokens * new_rows) if settings.outputs else 0,
        "libraries": LIBRARIES_BYTES["gpu" if on_gpu else "cpu"],
    }
    return {name: round(size) for name, size in parts.items() if size}
