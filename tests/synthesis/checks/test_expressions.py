"""Sums in a text, worked out again: what holds, what does not, and what is no sum."""

from __future__ import annotations

import pytest

from hanhua.synthesis.checks.expressions import equations

RIGHT = [
    "240÷(5+3)=30",
    "3.5×2 = 7（元）",
    "20%×150=30",
    r"\frac{3}{4} \times 100 = 75",
    "120千米÷2小时=60千米/小时",
    "3万+2万=5万元",
    "10÷3≈3.33",
    "7÷2=3……1",
    "5²×3=75平方米",
    "(120-30)÷3=30（人）",
    "1/2+1/3=5/6",
    "12加8等于20",
    "60千米/小时×2.5小时=150千米",
    "100元-35.6元=64.4元",
    "十二加八等于二十",
    "1.2×10^3=1200",
    "2/3=0.67",
    "１２＋８＝２０",
]
WRONG = [
    "12＋8＝21",
    "45 × 3 = 125 瓶",
    "7÷2=3余2",
    "2+3=5×2=10",
    "十二加八等于二十一",
    "25乘4等于120",
    "850 − 187 = 673（公里）",
    "8000 × 0.05% = 40（元）",
    "1/2+1/3=2/5",
    "3.6 × 30 = 118（万元）",
    "10÷4=2.4",
    "10÷3≈3.4",
    "0.1+0.2=0.31",
    r"\frac{3}{4} \times 100 = 70",
    "3万+2万=6万元",
    "100%-45%=65%",
]
NONE = [
    "2x+3=10",
    "解得 x=7",
    "y=3x+1",
    "第3-5页",
    "2021-03-05",
    "比分3:2",
    "电话010-12345",
    "A+B=10",
    "a=5",
    "CO2=二氧化碳",
    "3+x=10，x=7",
    "每页12行",
    "比例为 1:50000",
]


@pytest.mark.parametrize("text", RIGHT)
def test_a_sum_that_holds(text: str) -> None:
    found = list(equations(f"因此，{text}。"))
    assert found and all(one.holds for one in found), found


@pytest.mark.parametrize("text", WRONG)
def test_a_sum_that_does_not_hold(text: str) -> None:
    assert not all(one.holds for one in equations(f"因此，{text}。"))


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_sum_of_numbers_is_left_alone(text: str) -> None:
    assert list(equations(f"因此，{text}。")) == []
