"""Outputs among one another: near copies, and one opening again and again."""

from __future__ import annotations

import random

from hanhua.synthesis.checks.among import OPENING, opening_of, reject_alike

WORDS = (
    "山水风月花鸟虫鱼春夏秋冬东南西北天地日云雨雪江河湖海城乡田林草木金石书画"
    "琴棋诗酒茶米油盐人心手足头目口耳走看听说想问来去开合"
)


def text(seed: int, *, length: int = 200) -> str:
    draw = random.Random(seed)
    return "".join(draw.choice(WORDS) for _ in range(length))


def test_different_texts_stay_and_equal_ones_leave_one() -> None:
    different = [(f"k{n}", text(n)) for n in range(40)]
    assert reject_alike(different) == {}
    rejected = reject_alike([*different, *((f"again{n}", text(0)) for n in range(5))])
    assert len(rejected) == 5 and set(rejected.values()) == {"near_copy"}


def test_a_few_changed_characters_are_a_copy_and_half_of_them_are_none() -> None:
    whole = text(1)
    changed = whole[:50] + "？" + whole[51:120] + "变了" + whole[122:]
    assert set(reject_alike([("a", whole), ("b", changed)]).values()) == {"near_copy"}
    assert reject_alike([("a", whole), ("b", whole[:100] + text(2)[:100])]) == {}


def test_traditional_and_simplified_are_one_text() -> None:
    simplified = "这个问题很简单，开门以后还会关门，东风吹来云就散开。" * 4
    traditional = "這個問題很簡單，開門以後還會關門，東風吹來雲就散開。" * 4
    assert len(reject_alike([("a", simplified), ("b", traditional)])) == 1


def test_one_opening_may_be_a_fiftieth_of_all() -> None:
    texts = [(f"k{n}", text(n)) for n in range(200)] + [
        (f"o{n}", "众所周知，随着社会的发展，" + text(500 + n)) for n in range(20)
    ]
    rejected = reject_alike(texts)
    assert set(rejected.values()) == {"opening"} and len(rejected) == 20 - int(0.02 * 220)
    assert {key[0] for key in rejected} == {"o"}


def test_the_order_of_arrival_decides_nothing() -> None:
    texts = [(f"k{n}", "从前有一座很高的山，" + text(n % 30)) for n in range(90)]
    expected = reject_alike(texts)
    assert {"near_copy", "opening"} == set(expected.values())
    for seed in range(4):
        shuffled = random.Random(seed).sample(texts, len(texts))
        assert reject_alike(shuffled) == expected


def test_an_opening_is_letters_without_the_mark_of_its_form() -> None:
    assert opening_of("问：水为什么会沸腾？") == opening_of("**问题：** 水为什么会沸腾") == "水为什么会沸腾"
    assert len(opening_of("## 怎样做一碗刀削面并且不断条")) == OPENING
