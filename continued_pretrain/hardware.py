"""Machines by name, with what an estimate assumes of them: memory, speed, links, price. No torch."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hanhua.errors import UsageError

GIB = 1024**3
DEVICES_PER_NODE = 8


@dataclass(frozen=True)
class Hardware:
    """Equal devices.

    memory_bytes: of one device. peak_flops: of one device in the precision it trains in. attained_ratio: the share of
    that peak which training reaches. node_link_bytes, net_link_bytes: bytes per second and device, within
    and between machines. price_per_device_hour: US dollars, 0 for a machine of one's own. amx: of a CPU that multiplies
    bf16 matrices in tiles.
    """

    name: str
    devices: int
    memory_bytes: int
    peak_flops: float
    attained_ratio: float
    node_link_bytes: float
    net_link_bytes: float
    price_per_device_hour: float
    kind: Literal["gpu", "cpu"] = "gpu"
    amx: bool = False

    @property
    def nodes(self) -> int:
        """Machines, of eight devices at most."""
        return -(-self.devices // DEVICES_PER_NODE)

    @property
    def link_bytes(self) -> float:
        """Bytes per second between any two devices, over the slowest link."""
        return self.node_link_bytes if self.nodes == 1 else self.net_link_bytes


_GPUS = {
    80: ("H100 80 GB", 989e12, 450e9, 2.5),
    141: ("H200 141 GB", 989e12, 450e9, 3.5),
    48: ("L40S 48 GB", 181e12, 25e9, 1.0),
    40: ("A100 40 GB", 312e12, 300e9, 1.3),
    24: ("RTX 4090 24 GB", 165e12, 25e9, 0.4),
}
ATTAINED_RATIO = 0.4
NETWORK_BYTES = 50e9
CPU_FLOPS_PER_CORE = 100e9
CPU_ATTAINED_RATIO = 0.25
CPU_MEMORY_PER_CORE = 4 * GIB
BF16_CPU_PARAMETERS = 100_000_000
"""From here on `precision: auto` is bf16 on a CPU with AMX: a step of a 135M model took half the time.

Less is unmeasured.
"""
AMX_SPEEDUP = 4.0
"""Of the rate in bf16 over that of fp32 above, which is low for all but toy models.

SmolLM2-135M is planned with 308 tokens/s on two cores; a run began with 305, and made 100 to 140 when other work began.
"""


def find_hardware(name: str, *, price_per_device_hour: float | None = None) -> Hardware:
    """Return a machine by name: `1x80GB`, `8x80GB`, `64x80GB`, `24GB`, or `cpu`, `2xcpu`.

    `cpu` counts this machine's own cores and memory, `2xcpu` two cores. Raises UsageError for any other name.
    """
    match = re.fullmatch(r"(?:(\d+)x)?(?:(\d+)\s*gb|(cpu))", name.strip().lower())
    known = ", ".join(f"{size}GB" for size in sorted(_GPUS))
    if match is None or match[1] == "0":
        raise UsageError(f"hardware {name!r}: expected 8x80GB, 24GB or cpu (known sizes: {known})")
    if match[3]:
        return _cpu(name, cores=int(match[1]) if match[1] else None, price=price_per_device_hour)
    size = int(match[2])
    if size not in _GPUS:
        raise UsageError(f"hardware {name!r}: no GPU of {size} GB is known; known sizes: {known}")
    _, flops, link, price = _GPUS[size]
    return Hardware(
        name=name,
        devices=int(match[1] or 1),
        memory_bytes=size * 10**9,
        peak_flops=flops,
        attained_ratio=ATTAINED_RATIO,
        node_link_bytes=link,
        net_link_bytes=NETWORK_BYTES,
        price_per_device_hour=price if price_per_device_hour is None else price_per_device_hour,
    )


def gpu_name(hardware: Hardware) -> str:
    """Return the model of GPU whose figures are assumed."""
    return _GPUS[hardware.memory_bytes // 10**9][0] if hardware.kind == "gpu" else "CPU"


def cpu_has_amx() -> bool:
    """Return whether Linux says that this machine's CPU multiplies bf16 matrices in tiles; False on other systems."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _cpu(name: str, *, cores: int | None, price: float | None) -> Hardware:
    here = cores is None
    cores = cores or os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if here else cores * CPU_MEMORY_PER_CORE
    except (ValueError, OSError):  # not on every system
        memory = cores * CPU_MEMORY_PER_CORE
    return Hardware(
        name=name,
        devices=1,
        memory_bytes=memory,
        peak_flops=cores * CPU_FLOPS_PER_CORE,
        attained_ratio=CPU_ATTAINED_RATIO,
        node_link_bytes=5e9,
        net_link_bytes=1e9,
        price_per_device_hour=price or 0.0,
        kind="cpu",
        amx=cpu_has_amx(),
    )
