"""Where and how training runs: precision, threads, deterministic kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from hanhua.continued_pretrain.config import Precision
from hanhua.errors import MissingExtra, UsageError


@contextmanager
def reproducible(threads: int | None) -> Iterator[None]:
    """Use this many CPU threads and deterministic kernels inside the block, and leave progress to our own bar."""
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )
    if threads is not None:
        torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with one
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    # Filling every new tensor costs time and matters only for code that reads what it never wrote.
    torch.utils.deterministic.fill_uninitialized_memory = False
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            transformers_logging.enable_progress_bar()
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.utils.deterministic.fill_uninitialized_memory = before[2]


def make_accelerator(precision: Precision) -> Any:
    """Return an Accelerator of one process, or of those that `accelerate launch` started."""
    try:
        from accelerate import Accelerator, DistributedDataParallelKwargs
        from accelerate.state import AcceleratorState
    except ImportError:
        raise MissingExtra("training", "train") from None
    on_gpu = torch.cuda.is_available()
    if precision == "auto":
        precision = "bf16" if on_gpu and torch.cuda.is_bf16_supported() else "fp32"
    if precision == "bf16" and not on_gpu:
        raise UsageError("precision bf16 needs a GPU; on a CPU use fp32 (or auto)")
    # The state is one for the whole process; without this a second precision in it would be refused.
    AcceleratorState._reset_state()
    # Gradients are views of the buckets DDP exchanges: this saves as much memory as the trained weights take.
    buckets = DistributedDataParallelKwargs(gradient_as_bucket_view=True)
    mixed = "no" if precision == "fp32" else precision
    return Accelerator(cpu=not on_gpu, mixed_precision=mixed, kwargs_handlers=[buckets])
