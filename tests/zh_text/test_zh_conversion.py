"""Conversion: what OpenCC gets wrong is mended, what is in the script already stays."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opencc import OpenCC
from repository import QUICKSTART
from small_llama import quickstart_texts

from hanhua.zh_text.conversion import TO_SIMPLIFIED, Conversion, open_converter, open_simplifier
from hanhua.zh_text.scripts import chinese_script

HANS = [text for path in sorted(QUICKSTART.glob("zh_hans_*.jsonl")) for text in quickstart_texts(path.name)][::16]


@pytest.mark.parametrize(
    ("conversion", "text", "converted"),
    [
        # Simplified already, with characters that only look Traditional.
        ("t2s", "我在乾安县工作。", "我在乾安县工作。"),
        ("tw2s", "成效显著，什么土著，卓著。", "成效显著，什么土著，卓著。"),
        ("hk2s", "乾隆年间的著作说了什么。", "乾隆年间的著作说了什么。"),
        # A Traditional sentence in a Simplified text is converted, the others are not.
        ("t2s", "我在乾安县工作。他說：「明天見」。乾安很远。", "我在乾安县工作。他说：「明天见」。乾安很远。"),
        ("t2s", "這裡乾杯，那邊開門。", "这里干杯，那边开门。"),
        ("t2s", "乾杯", "干杯"),  # nothing tells: as OpenCC has it
        # Taiwan's and Hong Kong's own forms, which t2s leaves.
        ("t2s", "他拿著書", "他拿著书"),
        ("tw2s", "他拿著刀，想著裡面", "他拿着刀，想着里面"),
        ("tw2sp", "他拿著軟體", "他拿着软件"),
        ("hk2s", "衞生與敍述，餐枱，衹有", "卫生与叙述，餐台，只有"),
        # 著 that is no 着.
        ("tw2s", "他所著的書，功勳卓著，原住民是土著", "他所著的书，功勋卓著，原住民是土著"),
        ("tw2s", "著有《史記》", "著有《史记》"),
        ("tw2s", "著急、執著、睡著了", "着急、执着、睡着了"),
        # Phrases across the end of a word.
        ("s2t", "被发明", "被發明"),
        ("s2tw", "它展示了解决方案", "它展示了解決方案"),
        ("s2hk", "养老金发放机构", "養老金發放機構"),
        ("s2twp", "软件被发明出来", "軟體被發明出來"),
        ("s2t", "只有这样，不是隻有", "只有這樣，不是隻有"),
        # Near misses: the narrow sense is meant.
        ("s2t", "我了解他，登高瞭望", "我瞭解他，登高瞭望"),
        ("s2t", "头发、理发店、披头散发", "頭髮、理髮店、披頭散髮"),
        ("s2t", "有一只能叫的鸟", "有一隻能叫的鳥"),
        ("s2t", "秀发布满灰尘", "秀髮佈滿灰塵"),
        ("s2t", "手表、面条、人参", "手錶、麪條、人蔘"),
    ],
)
def test_each_fault_and_its_near_miss(conversion: Conversion, text: str, converted: str) -> None:
    assert open_converter(conversion)(text) == converted


@pytest.mark.parametrize("conversion", sorted(TO_SIMPLIFIED))
@pytest.mark.parametrize("text", HANS)
def test_simplified_texts_are_left_alone(conversion: Conversion, text: str) -> None:
    assert open_converter(conversion)(text) == text


@pytest.mark.parametrize("text", HANS)
def test_a_text_to_taiwan_and_back_differs_in_hardly_a_character(text: str) -> None:
    there = open_converter("s2tw")(text)
    assert chinese_script(there) in ("hant", "neutral")
    back = open_converter("tw2s")(there)
    assert len(back) == len(text)
    assert sum(a != b for a, b in zip(back, text, strict=True)) <= len(text) / 200


@given(
    st.text(alphabet="被发明展示了解决只有一头秀着著乾衞 。\nab１🐧", max_size=40),
    st.sampled_from(get_args(Conversion)),
)
@settings(max_examples=300, deadline=None)
def test_only_what_opencc_would_have_written_somehow(text: str, conversion: Conversion) -> None:
    """Nothing is added or lost: lengths are OpenCC's, and what it leaves alone as a whole stays."""
    converted, plain = open_converter(conversion)(text), OpenCC(conversion).convert(text)
    assert converted.count("\n") == text.count("\n")
    if conversion not in ("s2twp", "tw2sp"):
        assert len(converted) == len(plain) == len(text)


@given(st.text(max_size=30))
def test_a_simplifier_is_stable(text: str) -> None:
    once = open_simplifier()(text)
    assert open_simplifier()(once) == once
