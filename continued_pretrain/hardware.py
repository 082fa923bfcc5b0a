"""Machines by name, with what an estimate assumes of them: memory, speed, links, price. No torch."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hanhua.continued_pretrain.devices import BY_MEMORY, DEVICES, Device, attained_ratio, why_unsupported
from hanhua.errors import UsageError

GIB = 1024**3
DEVICES_PER_NODE = 8


@dataclass(frozen=True)
class Hardware:
    """Equal devices.

    memory_bytes: of one device. peak_flops: of one device in the precision it trains in. attained_ratio: the share of
    that peak which training reaches. node_link_bytes, net_link_bytes: bytes per second and device, within
    and between machines. price_per_device_hour: US dollars, 0 for a machine of one's own. title: of the device;
    source: of its figures; taken: what to tell of a card that was chosen by its memory alone. amx: of a CPU that
    multiplies bf16 matrices in tiles.
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
    title: str = ""
    source: str = ""
    taken: str = ""
    amx: bool = False

    @property
    def nodes(self) -> int:
        """Machines, of eight devices at most."""
        return -(-self.devices // DEVICES_PER_NODE)

    @property
    def link_bytes(self) -> float:
        """Bytes per second between any two devices, over the slowest link."""
        return self.node_link_bytes if self.nodes == 1 else self.net_link_bytes


ATTAINED_RATIO = 0.4
"""Of a card whose bandwidth is not known."""
NETWORK_GB_PER_SECOND = 50.0
LINK_GB_PER_SECOND = 25.0
"""PCIe 4.0, for a card that is not in the table."""
CPU_FLOPS_PER_CORE = 100e9
CPU_ATTAINED_RATIO = 0.25
CPU_MEMORY_PER_CORE = 4 * GIB
EXAMPLES = "8xH100, A800, A100-40GB, RTX4090-48GB, 24GB or cpu"
BF16_CPU_PARAMETERS = 100_000_000
"""From here on `precision: auto` is bf16 on a CPU with AMX: a step of a 135M model took half the time.

Less is unmeasured.
"""
AMX_SPEEDUP = 4.0
"""Of the rate in bf16 over that of fp32 above, which is low for all but toy models.

SmolLM2-135M is planned with 308 tokens/s on two cores; a run began with 305, and made 100 to 140 when other work began.
"""


@dataclass(frozen=True)
class OwnFigures:
    """What somebody knows of a device better than the table does; None: as in the table."""

    memory_gb: float | None = None
    bf16_tflops: float | None = None
    bandwidth_gb_per_second: float | None = None
    attained_ratio: float | None = None
    link_gb_per_second: float | None = None
    network_gb_per_second: float | None = None
    price_per_device_hour: float | None = None


def find_hardware(name: str, *, price_per_device_hour: float | None = None, own: OwnFigures | None = None) -> Hardware:
    """Return a machine by name: `8xA800`, `H20`, `2xRTX4090-48GB`, by memory alone `80GB`, or `cpu`, `2xcpu`.

    `cpu` counts this machine's own cores and memory, `2xcpu` two cores. own: figures that go before those of the table;
    with a memory and a peak, any name will do. Raises UsageError for a name that is not known, or stands for several
    cards.
    """
    own = own or OwnFigures(price_per_device_hour=price_per_device_hour)
    match = re.fullmatch(r"(?:(\d+)\s*[x×*]\s*)?(.+)", name.strip().lower())
    if match is None or (match[1] is not None and int(match[1]) == 0):
        raise UsageError(f"hardware {name!r}: expected a number of devices and what they are, such as {EXAMPLES}")
    count, called = int(match[1] or 1), match[2]
    if called == "cpu":
        return _cpu(name, cores=int(match[1]) if match[1] else None, price=own.price_per_device_hour)
    device, taken = _device(name, called, own)
    found = _unnamed(name, count, own) if device is None else _named(name, count, device, taken)
    return _with_own(found, own)


def _device(name: str, called: str, own: OwnFigures) -> tuple[Device | None, str]:
    """Return the card of the table, and what to say of how it was chosen; None for one whose own figures are enough."""
    why = why_unsupported(called)
    if why is not None:
        raise UsageError(f"hardware {name!r}: {why}")
    sized = re.fullmatch(r"(.*?)[\s_-]*(\d+)\s*g(?:i?b)?", called)
    called, size = (sized[1], int(sized[2])) if sized else (called, None)
    key = re.sub(r"[\s_-]|nvidia|geforce|blackwell", "", called)
    if not key and size is not None:
        return _by_memory(name, size, own)
    of_name = [device for device in DEVICES.values() if key in device.aliases]
    found = [device for device in of_name if (device.usual if size is None else device.memory_gb == size)]
    if len(found) == 1:
        return found[0], ""
    if of_name:
        names = " or ".join(device.name for device in of_name)
        raise UsageError(f"hardware {name!r}: {'there is' if size else 'say whether it is'} {names}")
    if own.memory_gb is not None and own.bf16_tflops is not None:
        return None, ""
    near = difflib.get_close_matches(key, [alias for device in DEVICES.values() for alias in device.aliases], n=1)
    raise UsageError(
        f"hardware {name!r}: no such GPU is known{f' (did you mean {near[0].upper()}?)' if near else ''}; known: "
        f"{', '.join(DEVICES)}; of any other, give hardware.memory_gb and hardware.bf16_tflops"
    )


def _by_memory(name: str, size: int, own: OwnFigures) -> tuple[Device | None, str]:
    """Return the card a size alone is taken for, and the others of that size with what they would change."""
    if size not in BY_MEMORY:
        if own.bf16_tflops is not None:
            return None, ""
        sizes = ", ".join(f"{known}GB" for known in BY_MEMORY)
        raise UsageError(
            f"hardware {name!r}: no GPU of {size} GB is known; known sizes: {sizes}; better say its name: "
            f"{', '.join(DEVICES)}"
        )
    taken = DEVICES[BY_MEMORY[size]]
    speed = taken.bf16_tflops * taken.attained_ratio
    others = [device for device in DEVICES.values() if device.memory_gb == size and device is not taken]
    said = [
        f"{device.name} ({times:.1f} times the hours)" if times >= 1.05 or times <= 0.95 else device.name
        for device in others
        for times in [speed / (device.bf16_tflops * device.attained_ratio)]
    ]
    return taken, f"{size}GB is taken for {taken.name}" + (f"; say so if it is {', '.join(said)}" if said else "")


def _named(name: str, count: int, device: Device, taken: str) -> Hardware:
    return Hardware(
        name=name,
        devices=count,
        memory_bytes=round(device.memory_gb * 1e9),
        peak_flops=device.bf16_tflops * 1e12,
        attained_ratio=device.attained_ratio,
        node_link_bytes=device.link_gb_per_second * 1e9,
        net_link_bytes=NETWORK_GB_PER_SECOND * 1e9,
        price_per_device_hour=device.dollars_per_hour or 0.0,
        title=device.title,
        source=device.source,
        taken=taken,
    )


def _unnamed(name: str, count: int, own: OwnFigures) -> Hardware:
    """Return a machine of which all that is known is what somebody says of it."""
    memory = own.memory_gb
    if memory is None:
        sized = re.search(r"(\d+)\s*g(?:i?b)?$", name.strip().lower())
        memory = float(sized[1]) if sized else 0.0
    return Hardware(
        name=name,
        devices=count,
        memory_bytes=round(memory * 1e9),
        peak_flops=0.0,
        attained_ratio=ATTAINED_RATIO,
        node_link_bytes=LINK_GB_PER_SECOND * 1e9,
        net_link_bytes=NETWORK_GB_PER_SECOND * 1e9,
        price_per_device_hour=0.0,
        title=name,
        source="the recipe's own figures",
    )


def _with_own(found: Hardware, own: OwnFigures) -> Hardware:
    changes: dict[str, float] = {}
    if own.memory_gb is not None:
        changes["memory_bytes"] = round(own.memory_gb * 1e9)
    if own.bf16_tflops is not None:
        changes["peak_flops"] = own.bf16_tflops * 1e12
    if own.attained_ratio is not None:
        changes["attained_ratio"] = own.attained_ratio
    elif own.bandwidth_gb_per_second is not None:
        peak = changes.get("peak_flops", found.peak_flops)
        changes["attained_ratio"] = attained_ratio(peak / 1e12, own.bandwidth_gb_per_second)
    if own.link_gb_per_second is not None:
        changes["node_link_bytes"] = own.link_gb_per_second * 1e9
    if own.network_gb_per_second is not None:
        changes["net_link_bytes"] = own.network_gb_per_second * 1e9
    if own.price_per_device_hour is not None:
        changes["price_per_device_hour"] = own.price_per_device_hour
    return replace(found, **changes)  # type: ignore[arg-type]


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
        title="CPU",
        amx=cpu_has_amx(),
    )
