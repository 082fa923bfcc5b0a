"""How the model lies on the processes: whole in one, whole in each (DDP), or its weights shared out (FSDP2).

FSDP2 is put on here layer by layer rather than by accelerate's plugin, which on CPUs silently runs DDP. The outermost
group is the training module itself, so that both matrices of words and the new rows are whole for as long as its
forward and backward pass last, and the chunked head loss may read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hanhua.artifacts.files import read_json
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.devices import device_of_driver
from hanhua.continued_pretrain.estimate import Placement, choose_placement
from hanhua.continued_pretrain.hardware import Hardware
from hanhua.continued_pretrain.model import TrainingModel
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.errors import UsageError


@dataclass(frozen=True)
class Placed:
    """A model as it lies. module: what is called; kind: single, ddp or fsdp2."""

    module: Any
    kind: Placement

    @contextmanager
    def gradients(self, *, last: bool) -> Iterator[None]:
        """Exchange gradients only in the last micro-batch of a step."""
        if self.kind == "fsdp2":
            self.module.set_requires_gradient_sync(last)
        with self.module.no_sync() if self.kind == "ddp" and not last else nullcontext():
            yield


def choose(folder: Path, config: ContinuedPretrainConfig, accelerator: Any, *, new_rows: int) -> tuple[Placement, str]:
    """Return how the model in `folder` should lie on the processes there are, and why."""
    shape = ModelShape.from_config(read_json(folder / "config.json"))
    kind, why, _ = choose_placement(shape, config=config, hardware=this_hardware(accelerator), new_rows=new_rows)
    if kind == "fsdp2" and config.quantize != "none":
        raise UsageError("4-bit layers cannot be sharded: use parallel: ddp, or quantize: none")
    return kind, why


def this_hardware(accelerator: Any) -> Hardware:
    """Describe the devices at hand, as far as placement needs it."""
    on_gpu = accelerator.device.type == "cuda"
    if on_gpu:
        memory = torch.cuda.get_device_properties(accelerator.device).total_memory
    else:
        import os

        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // accelerator.num_processes
    return Hardware(
        name="here",
        devices=accelerator.num_processes,
        memory_bytes=memory,
        peak_flops=peak_flops(accelerator) or 1e12,
        attained_ratio=0.4,
        node_link_bytes=1e11,
        net_link_bytes=1e10,
        price_per_device_hour=0.0,
        kind="gpu" if on_gpu else "cpu",
    )


def peak_flops(accelerator: Any) -> float | None:
    """Return the dense bf16 peak of this process's GPU, or None where it is not known."""
    return peak_flops_of(torch.cuda.get_device_name(accelerator.device)) if accelerator.device.type == "cuda" else None


def peak_flops_of(name: str) -> float | None:
    """Return the dense bf16 peak of a GPU as its maker states it.

    >>> peak_flops_of("NVIDIA H100 80GB HBM3"), peak_flops_of("NVIDIA H20")
    (989000000000000.0, 148000000000000.0)
    """
    device = device_of_driver(name)
    return None if device is None else device.bf16_tflops * 1e12


def place(model: TrainingModel, accelerator: Any, kind: Placement) -> Placed:
    """Put the model on its device or devices."""
    if kind != "fsdp2":
        return Placed(accelerator.prepare(model), kind)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    policy = MixedPrecisionPolicy()
    if accelerator.mixed_precision == "bf16":
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    model.to(accelerator.device)
    for layer in model.decoder.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy, reshard_after_forward=False)
    return Placed(model, kind)


def sharded_modules(model: nn.Module) -> int:
    """Return how many modules FSDP2 has taken: the layers and the model itself, or none."""
    from torch.distributed.fsdp import FSDPModule

    return sum(isinstance(module, FSDPModule) for module in model.modules())
