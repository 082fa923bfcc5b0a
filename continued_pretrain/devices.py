"""The GPUs Hanhua knows by name: memory, dense bf16 peak, bandwidth and link, with the document each figure is from.

One table for the estimates of `hanhua plan` and for the share of the peak that training logs. No torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MATMUL_RATIO = 0.876
"""Share of the peak that matrix products alone reach."""
BYTES_PER_FLOP = 0.0046
"""Memory traffic of everything that is no matrix product, per operation of a training step.

Both were chosen so that H100 SXM keeps 40% and A100 comes to about half, as published runs do; how far the estimate
is from each of them is in docs/results/2026-11-28-estimates-by-gpu.md.
"""
_VARIANTS = frozenset({"pcie", "nvl", "mig", "laptop", "max", "q", "d", "dd", "ti", "super"})
"""Words of a driver's name that make another card of it."""


@dataclass(frozen=True)
class Device:
    """One model of GPU.

    name: as recipes write it. bf16_tflops: dense, accumulating in fp32. link_gb_per_second: to another card of the
    same machine, in one direction (NVLink, else PCIe). words: of the name its driver gives it, with the variants in
    `also`. usual: what its name means where no memory is given. dollars_per_hour: a usual rent, None where unknown.
    """

    name: str
    title: str
    memory_gb: int
    bf16_tflops: float
    bandwidth_gb_per_second: int
    link_gb_per_second: int
    source: str
    aliases: tuple[str, ...]
    words: frozenset[str]
    also: frozenset[str] = frozenset()
    usual: bool = True
    dollars_per_hour: float | None = None

    @property
    def attained_ratio(self) -> float:
        """Share of the peak that training reaches: the less, the more operations the memory must feed.

        >>> [(name, round(DEVICES[name].attained_ratio, 2)) for name in ("H100-80GB", "A800-80GB", "H20-96GB")]
        [('H100-80GB', 0.4), ('A800-80GB', 0.54), ('H20-96GB', 0.76)]
        """
        return attained_ratio(self.bf16_tflops, self.bandwidth_gb_per_second)


def attained_ratio(bf16_tflops: float, bandwidth_gb_per_second: float) -> float:
    """Return the share of a card's peak that training reaches."""
    flops_per_byte = bf16_tflops * 1e3 / bandwidth_gb_per_second
    return 1 / (1 / MATMUL_RATIO + BYTES_PER_FLOP * flops_per_byte)


_HOPPER = "NVIDIA H100 Tensor Core GPU datasheet"
_AMPERE = "NVIDIA A100 Tensor Core GPU datasheet"
_ADA = "NVIDIA Ada GPU Architecture whitepaper, appendix A"
_SELLERS = "as makers of servers state it; NVIDIA publishes no datasheet"
_PCIE = frozenset({"pcie"})


def _table() -> tuple[Device, ...]:
    def words(text: str) -> frozenset[str]:
        return frozenset(text.split())

    return (
        Device("H100-80GB", "NVIDIA H100 SXM 80 GB", 80, 989, 3350, 450, _HOPPER, ("h100", "h100sxm"), words("h100"),
               dollars_per_hour=2.5),
        Device("H100-PCIe-80GB", "NVIDIA H100 PCIe 80 GB", 80, 756, 2000, 50, _HOPPER, ("h100pcie",),
               words("h100 pcie")),
        Device("H200-141GB", "NVIDIA H200 SXM 141 GB", 141, 989, 4800, 450, "NVIDIA H200 Tensor Core GPU datasheet",
               ("h200", "h200sxm"), words("h200"), dollars_per_hour=3.5),
        Device("H800-80GB", "NVIDIA H800 SXM 80 GB", 80, 989, 3350, 200,
               f"computes as H100 ({_HOPPER}); NVLink of 400 GB/s both ways: DeepSeek-AI, arXiv 2505.09343",
               ("h800", "h800sxm"), words("h800")),
        Device("H20-96GB", "NVIDIA H20 96 GB", 96, 148, 4000, 450, _SELLERS, ("h20",), words("h20")),
        Device("H20-141GB", "NVIDIA H20 141 GB", 141, 148, 4800, 450, _SELLERS, ("h20", "h203e"), words("h20 3e"),
               usual=False),
        Device("A100-40GB", "NVIDIA A100 40 GB", 40, 312, 1555, 300, _AMPERE, ("a100", "a100sxm"), words("a100 40gb"),
               also=_PCIE, dollars_per_hour=1.3),
        Device("A100-80GB", "NVIDIA A100 80 GB", 80, 312, 2039, 300, _AMPERE, ("a100", "a100sxm"), words("a100 80gb"),
               also=_PCIE),
        Device("A800-80GB", "NVIDIA A800 80 GB", 80, 312, 2039, 200,
               f"computes as A100 ({_AMPERE}); NVLink of 400 GB/s both ways: NVIDIA's statement of 2022-11-07",
               ("a800", "a800sxm"), words("a800"), also=_PCIE),
        Device("L20-48GB", "NVIDIA L20 48 GB", 48, 119.5, 864, 25, _SELLERS, ("l20",), words("l20")),
        Device("L40S-48GB", "NVIDIA L40S 48 GB", 48, 362, 864, 25, "NVIDIA L40S GPU datasheet", ("l40s",),
               words("l40s"), dollars_per_hour=1.0),
        Device("RTX4090-24GB", "GeForce RTX 4090 24 GB", 24, 165.2, 1008, 25, _ADA, ("rtx4090", "4090"),
               words("rtx 4090"), dollars_per_hour=0.4),
        Device("RTX4090-48GB", "GeForce RTX 4090 rebuilt with 48 GB", 48, 165.2, 1008, 25,
               f"{_ADA}; the memory is changed by others than NVIDIA", ("rtx4090", "4090"), words("rtx 4090 48gb"),
               usual=False),
        Device("RTX5090-32GB", "GeForce RTX 5090 32 GB", 32, 209.5, 1792, 50,
               "NVIDIA RTX Blackwell GPU Architecture whitepaper, appendix A", ("rtx5090", "5090"), words("rtx 5090")),
        Device("RTXPRO6000-96GB", "RTX PRO 6000 Blackwell 96 GB", 96, 503.8, 1792, 50,
               "NVIDIA RTX Blackwell PRO GPU Architecture whitepaper, appendix A", ("rtxpro6000", "pro6000"),
               words("rtx pro 6000 blackwell")),
    )  # fmt: skip


DEVICES = {device.name: device for device in _table()}
BY_MEMORY = {
    24: "RTX4090-24GB",
    32: "RTX5090-32GB",
    40: "A100-40GB",
    48: "L40S-48GB",
    80: "H100-80GB",
    96: "H20-96GB",
    141: "H200-141GB",
}
"""What `80GB` alone is taken for; whoever has another card of that size must name it."""
_UNSUPPORTED = {
    "Huawei Ascend NPUs": r"ascend|昇腾|\b910[abc]?\b|\bnpu",
    "Cambricon MLUs": r"cambricon|寒武纪|\bmlu",
    "AMD GPUs": r"\bamd\b|\bmi[23]\d\d",
    "TPUs": r"\btpu",
}


def why_unsupported(name: str) -> str | None:
    """Return why devices cannot be used, by what somebody calls them; None for those that may be."""
    title = next((title for title, called in _UNSUPPORTED.items() if re.search(called, name.lower())), None)
    if title is None:
        return None
    return f"{title} are not supported: Hanhua trains through PyTorch on CUDA (or a CPU), and was never run on them"


def device_of_driver(name: str, *, memory_gb: float | None = None) -> Device | None:
    """Return the card that a driver's name means, or None for one that is not in the table.

    memory_gb: as the driver counts it, which tells cards of one name apart.

    >>> device_of_driver("NVIDIA GeForce RTX 4090", memory_gb=48).name
    'RTX4090-48GB'
    """
    words = set(re.split(r"[\s_-]+", name.lower()))
    fitting = [
        device
        for device in DEVICES.values()
        if _sizeless(device.words) <= words and not (words & _VARIANTS) - device.words - device.also
    ]
    if memory_gb is not None:
        near = [device for device in fitting if abs(device.memory_gb - memory_gb) <= 0.1 * device.memory_gb]
        fitting = near or fitting
    return max(fitting, key=lambda device: (len(device.words & words), device.usual), default=None)


def _sizeless(words: frozenset[str]) -> set[str]:
    return {word for word in words if not re.fullmatch(r"\d+gb|3e", word)}
