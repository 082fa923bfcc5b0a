"""What distillation takes before training begins, of rows or of all weights: operations, texts, memory. No torch.

The student goes there and back, through frozen layers where rows are fitted, the teacher there alone, and over more
tokens: the same text in the base's own. Every device holds the whole model meanwhile, whatever training does with it.
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
    memory_parts,
    trained_sizes,
)
from hanhua.continued_pretrain.model_shapes import ModelShape, step_flops_per_token


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


def self_distillation_flops_per_token(
    shape: ModelShape, config: ContinuedPretrainConfig, new_rows: int, *, old_per_new: float = 1.0
) -> float:
    """Return the operations per token of the new spelling: a step of training, and the teacher's forward pass.

    The teacher's output layer is read twice at a position whose text goes on as new tokens do; it is counted at all.
    """
    trained = trained_sizes(shape, config, new_rows)
    head_rows = 0 if trained.layers else trained.rows // (1 if shape.tied else 2)
    step = step_flops_per_token(
        shape,
        sequence_length=config.sequence_length,
        trained=None if trained.layers else trained.adapters,
        recompute=config.gradient_checkpointing,
    )
    head = shape.vocab_size * shape.hidden_size
    forward = 2 * shape.layers * shape.query_width * config.sequence_length
    teacher = old_per_new * (2 * (shape.matmul_parameters - head) + old_per_new * forward) + 4 * head
    return float(step + 2 * (head if trained.tables and not trained.layers else head_rows) + teacher)


def distillation_flops(
    shape: ModelShape,
    config: ContinuedPretrainConfig,
    new_rows: int,
    *,
    tokens: int,
    processes: int,
    old_per_new: float = 1.0,
) -> float:
    """Return the operations before the first step of a run of so many tokens, on all processes.

    shape: with the rows. Steps that move rows alone are counted as if they moved all.
    """
    found = 0.0
    if config.row_distillation is not None:
        read = distillation_tokens(config, tokens=tokens, processes=processes)
        found += read * distillation_flops_per_token(shape, config, new_rows, old_per_new=old_per_new)
    if config.self_distillation is not None:
        read = config.self_distillation.steps * config.tokens_per_step * processes
        found += read * self_distillation_flops_per_token(shape, config, new_rows, old_per_new=old_per_new)
    return found


def self_distillation_parts(
    shape: ModelShape, config: ContinuedPretrainConfig, *, new_rows: int, on_gpu: bool
) -> dict[str, int]:
    """Return bytes of one device by part during self-distillation; nothing without the setting. shape: with the rows.

    As training in one process, with the teacher's copy where whole matrices are trained, and a chunk of its logits.
    """
    if config.self_distillation is None:
        return {}
    parts = memory_parts(shape, config, new_rows=new_rows, on_gpu=on_gpu)
    shared = config.mode in ("adapters", "new_embeddings")
    frozen = parts.get("frozen weights", 0)
    teacher = 0 if shared else frozen + trained_sizes(shape, config, new_rows).total * VALUE_BYTES
    return {**parts, "teacher": teacher} if teacher else parts


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
