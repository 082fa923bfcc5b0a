"""GPUs by the names people and drivers give them: one table for the estimates and for the share of the peak."""

from __future__ import annotations

from pathlib import Path

import pytest
from estimates_by_gpu import PUBLISHED, compared

from hanhua.continued_pretrain.devices import DEVICES, device_of_driver
from hanhua.continued_pretrain.hardware import OwnFigures, find_hardware
from hanhua.errors import UsageError
from hanhua.pipeline.planning.estimate import estimate_recipe
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.recipe.shipped import shipped_recipes

DOCS = Path(__file__).resolve().parents[2] / "docs"

WRITTEN = [
    ("H20", 1, 96, 148), ("2xh20-141GB", 2, 141, 148), ("8xH100", 8, 80, 989), ("H100-PCIe", 1, 80, 756),
    ("H200", 1, 141, 989), ("8 x H800", 8, 80, 989), ("A100-40GB", 1, 40, 312), ("A100 80G", 1, 80, 312),
    ("8×A800", 8, 80, 312), ("nvidia_a800", 1, 80, 312), ("L20", 1, 48, 119.5), ("4xL40S", 4, 48, 362),
    ("RTX4090", 1, 24, 165.2), ("4090", 1, 24, 165.2), ("8xRTX 4090 48GB", 8, 48, 165.2),
    ("GeForce RTX 5090", 1, 32, 209.5),
    ("RTX PRO 6000", 1, 96, 503.8), ("2xRTXPRO6000-96GB", 2, 96, 503.8), ("80GB", 1, 80, 989), ("8x24GB", 8, 24, 165.2),
]  # fmt: skip

DRIVERS = [
    ("NVIDIA H100 80GB HBM3", 79.6, "H100-80GB"), ("NVIDIA H100 PCIe", None, "H100-PCIe-80GB"),
    ("NVIDIA H200", 140.4, "H200-141GB"), ("NVIDIA H20", 95.6, "H20-96GB"), ("NVIDIA H20-3e", 140.4, "H20-141GB"),
    ("NVIDIA H800", None, "H800-80GB"), ("NVIDIA A100-SXM4-40GB", None, "A100-40GB"),
    ("NVIDIA A100-SXM4-80GB", None, "A100-80GB"), ("NVIDIA A100 80GB PCIe", 79.3, "A100-80GB"),
    ("NVIDIA A800-SXM4-80GB", None, "A800-80GB"), ("NVIDIA L20", None, "L20-48GB"), ("NVIDIA L40S", None, "L40S-48GB"),
    ("NVIDIA GeForce RTX 4090", None, "RTX4090-24GB"), ("NVIDIA GeForce RTX 4090", 47.4, "RTX4090-48GB"),
    ("NVIDIA GeForce RTX 5090", None, "RTX5090-32GB"),
    ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 95.6, "RTXPRO6000-96GB"),
    ("NVIDIA GeForce RTX 4090 Laptop GPU", None, None), ("NVIDIA GeForce RTX 4090 D", None, None),
    ("NVIDIA H100 NVL", None, None), ("NVIDIA H200 MIG 3g.71gb", None, None), ("Tesla V100-SXM2-32GB", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("written", "devices", "memory_gb", "tflops"), WRITTEN)
def test_a_gpu_is_known_by_the_ways_people_write_it(written: str, devices: int, memory_gb: int, tflops: float) -> None:
    found = find_hardware(written)
    assert (found.devices, found.memory_bytes, found.peak_flops) == (devices, memory_gb * 10**9, tflops * 1e12)
    assert found.source and found.title


@pytest.mark.parametrize(("driver", "memory_gb", "name"), DRIVERS)
def test_a_gpu_is_known_by_the_name_of_its_driver(driver: str, memory_gb: float | None, name: str | None) -> None:
    found = device_of_driver(driver, memory_gb=memory_gb)
    assert (found.name if found else None) == name


def test_plan_and_training_log_divide_by_the_same_peak() -> None:
    from hanhua.continued_pretrain.parallel import peak_flops_of

    for driver, _, name in DRIVERS:
        assert peak_flops_of(driver) == (None if name is None else find_hardware(name).peak_flops)


def test_memory_alone_says_which_card_was_taken_and_what_the_others_take() -> None:
    taken = find_hardware("8x80GB").taken
    assert taken.startswith("80GB is taken for H100-80GB") and "A800-80GB (2.3 times the hours)" in taken
    assert not find_hardware("8xA800").taken
    recipe = load_recipe(shipped_recipes()["llama-3-8b-zh"], ["hardware.devices=1x80GB"]).recipe
    assert any("80GB is taken for H100-80GB" in line for line in estimate_recipe(recipe).assumptions)
    named = load_recipe(shipped_recipes()["llama-3-8b-zh"], ["hardware.devices=A800"]).recipe
    slow, fast = estimate_recipe(named).training, estimate_recipe(recipe).training
    assert slow is not None and fast is not None and slow.hours > 2 * fast.hours


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("A100", "say whether it is A100-40GB or A100-80GB"),
        ("8xH800-141GB", "there is H800-80GB"),
        ("8xH101", "did you mean H100?"),
        ("Ascend 910B", "Huawei Ascend NPUs are not supported"),
        ("8x昇腾910B", "Huawei Ascend NPUs are not supported"),
        ("8xMI300X", "AMD GPUs are not supported"),
        ("8x81GB", "no GPU of 81 GB is known"),
        ("MyCard", "give hardware.memory_gb and hardware.bf16_tflops"),
    ],
)
def test_what_is_not_known_says_what_to_do(name: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_hardware(name)
    assert says in str(caught.value)


def test_own_figures_go_before_the_table_and_suffice_for_any_card() -> None:
    own = OwnFigures(memory_gb=64, bf16_tflops=320, bandwidth_gb_per_second=1600, price_per_device_hour=1.5)
    card = find_hardware("4xMyCard", own=own)
    assert (card.devices, card.memory_bytes, card.peak_flops) == (4, 64 * 10**9, 320e12)
    assert card.price_per_device_hour == 1.5 and 0.4 < card.attained_ratio < 0.6
    limited = find_hardware("8xH100", own=OwnFigures(attained_ratio=0.3))
    assert limited.attained_ratio == 0.3 and limited.memory_bytes == 80 * 10**9
    changes = ["hardware.devices=8xMyCard", "hardware.memory_gb=64", "hardware.bf16_tflops=320"]
    recipe = load_recipe(shipped_recipes()["llama-3-8b-zh"], changes).recipe
    assert estimate_recipe(recipe).training is not None


def test_estimates_are_near_what_others_published() -> None:
    ratios = {(row["hardware"], row["how"]): row["ratio"] for row in compared()}
    assert len({one.hardware.split("x")[-1] for one in PUBLISHED}) >= 4 and all(one.source for one in PUBLISHED)
    cards = {where: ratio for (where, _), ratio in ratios.items() if "RTX" not in where}
    assert all(0.8 <= ratio <= 1.2 for ratio in cards.values()), cards
    consumer = [ratio for (where, _), ratio in ratios.items() if "RTX" in where]
    assert all(0.5 <= ratio <= 1 for ratio in consumer), "a slower card than it is, which the page says"


@pytest.mark.parametrize("page", ["hardware.md", "hardware.zh-CN.md"])
def test_the_page_has_the_table(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for device in DEVICES.values():
        figures = f"| {device.memory_gb} | {device.bf16_tflops:g} | {device.bandwidth_gb_per_second:,} |"
        assert f"| `{device.name}` {figures} {device.attained_ratio:.0%} | {device.source} |" in text
