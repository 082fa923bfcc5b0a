"""The closed form of a device's memory, part by part. No torch.

Bytes of one parameter: 2 frozen (bf16) or 4 (fp32); trained 16 in fp32 (value, gradient, AdamW's two moments), on a
GPU 2 more for the copy autocast computes with. Activations are counted from what the forward pass keeps for the
backward pass, tensor by tensor; the comments name them. What an allocator keeps beyond that is not in it: on a CPU
glibc's may hold as much again as the activations. d: hidden size, f: MLP width, q: width of all query heads.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model_shapes import ModelShape

LOGITS_ELEMENTS = {"cpu": 1 << 24, "gpu": 1 << 28}
"""As `head_loss.CHUNK_ELEMENTS`, which a test holds equal: importing it would import torch."""
VALUE_BYTES, GRADIENT_BYTES = 4, 4
MOMENTS_BYTES = {"adamw": 8, "adamw_8bit": 2, "muon": 4}
NF4_BYTES = 0.53
"""Half a byte, and a scale per block of 64, itself quantized (Dettmers et al. 2023, section 3)."""
LIBRARIES_BYTES = {"cpu": 400_000_000, "gpu": 1_200_000_000}
"""Of the process: Python, torch, transformers and peft on a CPU; the CUDA context and its workspaces on a GPU."""


@dataclass(frozen=True)
class TrainedSizes:
    """Parameters by how they are held. row_parameters: of new rows; table_parameters: of whole matrices of words."""

    adapters: int
    rows: int
    tables: int
    layers: int

    @property
    def total(self) -> int:
        """All that is trained."""
        return self.adapters + self.rows + self.tables + self.layers


def trained_sizes(shape: ModelShape, config: ContinuedPretrainConfig, new_rows: int) -> TrainedSizes:
    """Return what is trained. shape: with the new rows in it."""
    everything, tables = config.mode == "full", config.mode in ("embeddings", "adapters+embeddings")
    adapters = 0
    if config.has_adapters and config.lora is not None:
        targets = None if config.lora.targets == "all-linear" else config.lora.targets
        adapters = shape.lora_parameters(config.lora.rank, targets)
    rows = (
        0 if everything or tables or config.mode == "lora" else new_rows * shape.hidden_size * (1 if shape.tied else 2)
    )
    return TrainedSizes(
        adapters=adapters,
        rows=rows,
        tables=shape.table_parameters if tables or everything else 0,
        layers=shape.parameters - shape.table_parameters if everything else 0,
    )


def _moments(trained: TrainedSizes, config: ContinuedPretrainConfig) -> int:
    """Return bytes of what the optimizer keeps; Muon keeps one moment of the matrices, and leaves the rest to AdamW."""
    each = MOMENTS_BYTES[config.optimizer]
    words = trained.rows + trained.tables
    return each * (trained.total - words) + (MOMENTS_BYTES["adamw"] if config.optimizer == "muon" else each) * words


def memory_parts(
    shape: ModelShape, config: ContinuedPretrainConfig, *, new_rows: int, on_gpu: bool, shards: int = 1
) -> dict[str, int]:
    """Return bytes of one device by part. shape: with the new rows. shards: processes that hold the weights."""
    word = 2 if on_gpu else 4
    trained = trained_sizes(shape, config, new_rows)
    states = trained.total * (VALUE_BYTES + (word if on_gpu else 0)) + _moments(trained, config)
    activations = activations_bytes(shape, config, on_gpu=on_gpu)
    gradients = trained.total * GRADIENT_BYTES / shards
    if config.gradient_accumulation_steps == 1:
        # Gradients come as activations go; with several micro-batches the first one's wait through the next.
        gradients = max(0.0, gradients - activations)
    parts = {
        "frozen weights": frozen_bytes(shape, config, trained, on_gpu=on_gpu) / shards,
        "trained weights, gradients and optimizer": states / shards + gradients,
        "gathered weights": _gathered(shape, word) if shards > 1 else 0,
        "activations": activations,
        "logits": _logits(shape, config, on_gpu=on_gpu),
        "libraries": LIBRARIES_BYTES["gpu" if on_gpu else "cpu"],
    }
    return {name: round(size) for name, size in parts.items() if size}


def frozen_bytes(shape: ModelShape, config: ContinuedPretrainConfig, trained: TrainedSizes, *, on_gpu: bool) -> float:
    """Return bytes of the weights that are not trained, whole."""
    word = 2 if on_gpu else 4
    frozen_layers = 0 if trained.layers else shape.parameters - shape.table_parameters
    layer_bytes = frozen_layers * (NF4_BYTES if config.quantize == "nf4" else word)
    return layer_bytes + (0 if trained.tables else shape.table_parameters * word)


def _gathered(shape: ModelShape, word: int) -> float:
    """FSDP2 holds two layers whole, the one at work and the next; and both matrices of words, which the head reads."""
    return (2 * shape.layer_parameters + shape.table_parameters) * word


def activations_bytes(shape: ModelShape, config: ContinuedPretrainConfig, *, on_gpu: bool) -> float:
    """Return bytes of what one micro-batch's forward pass keeps, and of what passes in the backward pass."""
    tokens = config.sequence_length * config.micro_batch_size
    layer = activation_bytes_per_token(shape, config, on_gpu=on_gpu)
    d, f, word = shape.hidden_size, shape.intermediate_size, 2 if on_gpu else 4
    # What lives for a moment in the backward pass: gradients of the MLP's four wide tensors, and of the residual.
    passing = word * (4 * f + 4 * d)
    if config.gradient_checkpointing:
        return float(tokens * (shape.layers * d * word + layer + passing))
    return float(tokens * (shape.layers * layer + passing))


def activation_bytes_per_token(shape: ModelShape, config: ContinuedPretrainConfig, *, on_gpu: bool) -> int:
    """Return what one decoder layer keeps of one token."""
    d, f, q = shape.hidden_size, shape.intermediate_size, shape.query_width
    adapted = config.has_adapters or config.mode == "full"
    if on_gpu:
        norms = 2 * 4 * d  # each norm's input, in fp32
        attention = 2 * 4 * q  # queries, keys and values (repeated for all heads), result
        inputs = 2 * (5 * d + q + f) if adapted else 0  # autocast's copy of each linear layer's input
        mlp = 2 * 3 * f  # gate, its SiLU, up
    else:
        norms = 2 * 2 * 4 * d  # each norm's input and result
        attention = 4 * 4 * q
        inputs = 4 * (q + f) if adapted else 0  # of o_proj and down_proj; the others read a norm's result
        mlp = 4 * 3 * f
    rank = config.lora.rank if config.has_adapters and config.lora is not None else 0
    between = 7 * rank * (2 if on_gpu else 4)  # between A and B
    return norms + attention + inputs + mlp + between


def _logits(shape: ModelShape, config: ContinuedPretrainConfig, *, on_gpu: bool) -> float:
    """One chunk of logits in fp32 and, on a GPU, its bf16 product and gradient; hidden states and their gradient."""
    tokens = config.sequence_length * config.micro_batch_size
    chunk = min(LOGITS_ELEMENTS["gpu" if on_gpu else "cpu"], tokens * shape.vocab_size)
    hidden = 3 * tokens * shape.hidden_size * (2 if on_gpu else 4)
    return float(chunk * (4 + 2 + 2 if on_gpu else 4) + hidden)
