"""Estimate of what continued pretraining will need: memory, speed, hours, cost.

Memory is the closed form of `memory_parts`. Speed is operations per token (`step_flops_per_token`) over the share of
the peak that is assumed, or the time to gather weights over the links where that is longer. No torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.distillation_estimate import (
    distillation_flops,
    distillation_parts,
    self_distillation_parts,
)
from hanhua.continued_pretrain.hardware import AMX_SPEEDUP, BF16_CPU_PARAMETERS, Hardware, find_hardware
from hanhua.continued_pretrain.memory_parts import memory_parts, trained_sizes
from hanhua.continued_pretrain.model_shapes import ModelShape, step_flops_per_token

Placement = Literal["single", "ddp", "fsdp2"]
USABLE_RATIO = 0.95
"""Of a device's memory: allocators leave gaps."""
MORE = (2, 4, 8, 16, 32, 64, 128, 256)
LARGER = tuple(f"{count}xH100-80GB" for count in (1, 8, 16, 32, 64, 128, 256))
"""What is offered when it does not fit: more of the same devices, and these."""


@dataclass(frozen=True)
class TrainingEstimate:
    """What a run needs.

    memory_bytes: of one device; memory_parts: by what it is for. placement: single, ddp or fsdp2, and why.
    tokens_per_second: of all devices, in training. mfu: operations done over the peak. dollars: None where no price is
    known. distillation_hours: of `hours`, those in which new rows are fitted first; its memory counts where it is more.
    remedies: when it does not fit, changes that each would make it fit. assumptions: in words.
    """

    fits: bool
    placement: Placement
    why: str
    memory_bytes: int
    memory_parts: dict[str, int]
    device_memory_bytes: int
    trained_parameters: int
    flops_per_token: float
    tokens_per_second: float
    mfu: float
    hours: float
    dollars: float | None
    remedies: tuple[str, ...]
    assumptions: tuple[str, ...]
    distillation_hours: float = 0.0


def estimate_training(
    shape: ModelShape,
    *,
    config: ContinuedPretrainConfig,
    hardware: Hardware,
    tokens: int,
    new_rows: int = 0,
    old_per_new: float = 1.0,
) -> TrainingEstimate:
    """Return what training `tokens` tokens takes.

    shape: of the base, before the new rows. tokens: of the whole run, all devices together. old_per_new: tokens of the
    base's vocabulary for one of the extended, which row_distillation reads too.
    """
    whole = shape.with_rows(new_rows)
    placement, why, parts = _at_its_most(whole, config=config, hardware=hardware, new_rows=new_rows)
    memory, limit = sum(parts.values()), hardware.memory_bytes * USABLE_RATIO
    trained = trained_sizes(whole, config, new_rows)
    hardware = _in_its_precision(hardware, whole, config)
    flops = training_flops_per_token(whole, config, new_rows)
    rate = _tokens_per_second(whole, config, hardware, flops=flops, placement=placement, trained=trained.total)
    fitting = _distillation_hours(whole, config, hardware, tokens=tokens, new_rows=new_rows, old_per_new=old_per_new)
    hours = tokens / rate / 3600 + fitting
    price = hardware.price_per_device_hour
    return TrainingEstimate(
        fits=memory <= limit,
        placement=placement,
        why=why,
        memory_bytes=memory,
        memory_parts=parts,
        device_memory_bytes=hardware.memory_bytes,
        trained_parameters=trained.total,
        flops_per_token=flops,
        tokens_per_second=rate,
        mfu=rate * flops / (hardware.devices * hardware.peak_flops),
        hours=hours,
        dollars=hours * hardware.devices * price if price else None,
        remedies=() if memory <= limit else tuple(_remedies(shape, config, hardware, new_rows)),
        assumptions=tuple(_assumptions(config, hardware)),
        distillation_hours=fitting,
    )


def _at_its_most(
    shape: ModelShape, *, config: ContinuedPretrainConfig, hardware: Hardware, new_rows: int
) -> tuple[Placement, str, dict[str, int]]:
    """Return how the model lies in training, why, and the memory of one device when it is highest."""
    placement, why, parts = choose_placement(shape, config=config, hardware=hardware, new_rows=new_rows)
    given: dict[str, Any] = {"new_rows": new_rows, "on_gpu": hardware.kind == "gpu"}
    before = {
        "row_distillation": distillation_parts(shape, config, **given),
        "self_distillation": self_distillation_parts(shape, config, **given),
    }
    name, most = max(before.items(), key=lambda item: sum(item[1].values()))
    if sum(most.values()) <= sum(parts.values()):
        return placement, why, parts
    return placement, f"{why}; {name}, before training, takes more: {sum(most.values()) / 1e9:,.1f} GB", most


def _distillation_hours(
    shape: ModelShape,
    config: ContinuedPretrainConfig,
    hardware: Hardware,
    *,
    tokens: int,
    new_rows: int,
    old_per_new: float,
) -> float:
    sizes = {"tokens": tokens, "processes": hardware.devices}
    flops = distillation_flops(shape, config, new_rows, **sizes, old_per_new=old_per_new)
    return flops / (hardware.devices * hardware.peak_flops * hardware.attained_ratio) / 3600


def choose_placement(
    shape: ModelShape, *, config: ContinuedPretrainConfig, hardware: Hardware, new_rows: int
) -> tuple[Placement, str, dict[str, int]]:
    """Return how the model lies on the devices, why, and the memory of one. shape: with the new rows."""
    on_gpu = hardware.kind == "gpu"

    def parts(shards: int) -> dict[str, int]:
        return memory_parts(shape, config, new_rows=new_rows, on_gpu=on_gpu, shards=shards)

    alone = parts(1)
    need, limit = sum(alone.values()), hardware.memory_bytes * USABLE_RATIO
    sizes = f"{need / 1e9:,.1f} GB of {hardware.memory_bytes / 1e9:,.0f}"
    if hardware.devices == 1:
        return "single", f"one device: {sizes}", alone
    if config.parallel == "ddp" or (config.parallel == "auto" and need <= limit):
        why = "as asked" if config.parallel == "ddp" else f"the whole model fits each device ({sizes})"
        return "ddp", f"{why}, and only what is trained has to be exchanged", alone
    why = "as asked" if config.parallel == "fsdp2" else f"one device does not hold the model ({sizes})"
    return "fsdp2", f"{why}, so its weights are shared out", parts(hardware.devices)


def _in_its_precision(hardware: Hardware, shape: ModelShape, config: ContinuedPretrainConfig) -> Hardware:
    """Return a CPU with the peak of the precision that it trains in; a GPU as it is."""
    chosen = config.precision == "auto" and shape.parameters >= BF16_CPU_PARAMETERS
    if hardware.amx and (chosen or config.precision == "bf16"):
        return replace(hardware, peak_flops=hardware.peak_flops * AMX_SPEEDUP)
    return hardware


def training_flops_per_token(shape: ModelShape, config: ContinuedPretrainConfig, new_rows: int) -> float:
    """Return the operations of a step per token. shape: with the new rows."""
    trained = trained_sizes(shape, config, new_rows)
    head_rows = trained.rows if shape.tied else trained.rows // 2
    if trained.tables:
        head_rows = shape.vocab_size * shape.hidden_size
    return step_flops_per_token(
        shape,
        sequence_length=config.sequence_length,
        trained=None if trained.layers else trained.adapters,
        recompute=config.gradient_checkpointing,
    ) + (0 if trained.layers else 2 * head_rows)


def _tokens_per_second(
    shape: ModelShape,
    config: ContinuedPretrainConfig,
    hardware: Hardware,
    *,
    flops: float,
    placement: Placement,
    trained: int,
) -> float:
    """Return tokens per second of all devices; FSDP2 sends while it computes, the slower of the two counts."""
    micro = config.sequence_length * config.micro_batch_size
    compute = micro * config.gradient_accumulation_steps * flops / (hardware.peak_flops * hardware.attained_ratio)
    if placement == "fsdp2":
        gathers = 2 * config.gradient_accumulation_steps * shape.parameters * 2 / hardware.link_bytes
        scatters = 4 * trained / hardware.link_bytes
        seconds = max(compute, gathers + scatters)
    else:
        seconds = compute + (2 * 4 * trained / hardware.link_bytes if placement == "ddp" else 0.0)
    return config.tokens_per_step * hardware.devices / seconds


def _remedies(shape: ModelShape, config: ContinuedPretrainConfig, hardware: Hardware, new_rows: int) -> Iterator[str]:
    """Yield changes each of which makes it fit: first of the recipe, then of the machine."""

    def fits(on: Hardware, **changes: Any) -> bool:
        changed = config.model_copy(update=changes)
        parts = _at_its_most(shape.with_rows(new_rows), config=changed, hardware=on, new_rows=new_rows)[2]
        return sum(parts.values()) <= on.memory_bytes * USABLE_RATIO

    recompute: dict[str, Any] = {"gradient_checkpointing": True, "micro_batch_size": 1}
    options: list[dict[str, Any]] = [
        {"micro_batch_size": 1},
        {"gradient_checkpointing": True},
        recompute,
        {"parallel": "auto", "gradient_checkpointing": True},
        {"row_distillation": None, "self_distillation": None, "gradient_checkpointing": True},
        {**recompute, "trainable": "adapters"},
        {**recompute, "trainable": "adapters", "quantize": "nf4"},
        {**recompute, "trainable": "new_embeddings", "quantize": "nf4"},
    ]
    found = False
    for changes in options:
        real = {name: value for name, value in changes.items() if getattr(config, name) != value}
        if real and _possible(config, real, hardware) and not found and fits(hardware, **real):
            found = True
            yield ", ".join(f"{name}: {_as_yaml(value)}" for name, value in real.items())
    yield from _larger(hardware, fits)


def _as_yaml(value: Any) -> str:
    return "null" if value is None else str(value).lower()


def _larger(hardware: Hardware, fits: Callable[..., bool]) -> Iterator[str]:
    """Yield the fewest of the same devices that fit, and the fewest H100 if those are another card."""
    one = re.sub(r"^\d+\s*[x×*]\s*", "", hardware.name)
    same = [replace(hardware, name=f"{count}x{one}", devices=count) for count in MORE if count > hardware.devices]
    named = [find_hardware(name) for name in LARGER]
    larger = [on for on in named if on.devices * on.memory_bytes > hardware.devices * hardware.memory_bytes]
    for family in (
        [] if hardware.kind == "cpu" else same,
        larger if not hardware.title.startswith("NVIDIA H100 SXM") else [],
    ):
        offers = ((on, changes) for on in family for changes in ({}, {"gradient_checkpointing": True}))
        offer = next((name for on, changes in offers if fits(on, **changes) for name in [_offered(on, changes)]), None)
        if offer is not None:
            yield offer


def _offered(on: Hardware, changes: Mapping[str, Any]) -> str:
    return on.name + (" with gradient_checkpointing: true" if changes else "")


def _possible(config: ContinuedPretrainConfig, changes: dict[str, Any], hardware: Hardware) -> bool:
    if changes.get("trainable") == "adapters" and config.lora is None:
        return False
    return not ("quantize" in changes and hardware.kind == "cpu")


def _assumptions(config: ContinuedPretrainConfig, hardware: Hardware) -> Iterator[str]:
    if hardware.taken:
        yield hardware.taken
    yield (
        f"{hardware.devices} x {hardware.title}: {hardware.memory_bytes / 1e9:,.0f} GB and "
        f"{hardware.peak_flops / 1e12:,.1f} TFLOP/s each, of which training reaches {hardware.attained_ratio:.0%}"
        + (f" ({hardware.source})" if hardware.source else "")
    )
    yield "attention counted as if each sequence were one document; shorter documents cost less"
    if hardware.devices > 1:
        yield (
            f"links of {hardware.link_bytes / 1e9:,.0f} GB/s per device"
            + ("" if hardware.nodes == 1 else f" between {hardware.nodes} machines")
            + "; FSDP2 gathers weights twice a micro-batch while it computes"
        )
    yield f"{1 - USABLE_RATIO:.0%} of the memory left free for the allocator's gaps"
    if hardware.price_per_device_hour:
        yield f"${hardware.price_per_device_hour:,.2f} per device and hour"
    if config.quantize == "nf4":
        yield "nf4: dequantizing is not counted, which costs 20 to 40% of the speed"


def with_price(hardware: Hardware, dollars: float) -> Hardware:
    """Return the same machine at another price per device-hour."""
    return replace(hardware, price_per_device_hour=dollars)
