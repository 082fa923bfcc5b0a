"""Numbers, dates and Latin names of an answer: found in the source in any writing, and missed where they are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.grounding import foreign_dates, foreign_names, foreign_numbers
from hanhua.synthesis.forms.library import load_forms
from hanhua.synthesis.seed import Seed

NUMBERS = [  # source, what the answer may say, what it may not
    (
        "全县人口34,872人。",
        ("34872人", "三万四千八百七十二人", "３４８７２人", "约3.5万人", "3万多人"),
        ("3.5万人", "约3.8万人", "34827人"),
    ),
    ("占比为42%。", ("百分之四十二", "四成二", "42％", "0.42"), ("24%", "42人", "四成")),
    ("投资1.2亿元。", ("一亿二千万元", "12000万元", "1.2亿元", "1亿2000万元"), ("12亿元", "1200万元")),
    ("三分之二的学生。", ("2/3", "三分之二"), ("三分之一", "2/5")),
    ("降到零下5度。", ("-5℃", "零下五度"), ("零下15度",)),
    ("身高一米七五，每天跑半个小时。", ("30分钟",), ("50分钟", "一米五")),
    ("参加的有北京、上海和广州。", ("三个城市", "这三个城市"), ("四个城市",)),
    ("村里有四个组。", ("4个组",), ("三个组", "两个组")),
    ("活动持续十个月。", ("10个月",), ("十天", "10年")),
    ("早上八点半开门。", ("8:30开门", "八点三十分"), ("9:30开门",)),
    ("晚上八点半关门。", ("20:30关门",), ("21:30关门",)),
    ("第三届大会。", ("第三届",), ("第四届",)),
    ("兔子每年生四窝。", ("一年生四窝",), ("一年生五窝", "两年生四窝")),
    ("twenty-five of the 300 members gave $4.5 million.", ("300名成员中的25名捐了450万美元",), ("45万美元", "35名")),
    (
        "Half of it, about two thirds of a dozen, in the 1820s.",
        ("一半", "三分之二", "12个", "19世纪20年代"),
        ("18世纪", "30年代"),
    ),
]
FREE = [
    "第一步，洗手。第二步，擦干。",
    "1. 准备\n2. 开始\n3. 结束",
    "以下三点要注意。",
    "千万别急，十分要紧。",
    "四川的五官科",
    "一方面如此，另一方面不然。",
    "一起走走，有一天会到的。",
    "几十个人，上百次，三五成群。",
    "题目1：如下",
    "这两者不同。",
]
DATES = [
    (
        "2021年3月5日开工。",
        ("二〇二一年三月五日", "2021-03-05", "2021/3/5", "3月5日", "2021年3月", "民国110年"),
        ("2021年5月3日", "2012年3月5日", "3月15日", "2021年4月"),
    ),
    ("1998—2008年，产量翻番；2010年的5月1日停产。", ("1998年", "2008年到2010年", "5月1日"), ("1988年", "5月2日")),
    (
        "It opened on March 5, 1998 and closed in May 2010.",
        ("1998年3月5日", "2010年5月"),
        ("1998年5月3日", "2001年5月"),
    ),
    ("1999年成立。当年10月1日挂牌。", ("1999年10月1日",), ("1989年10月1日",)),
    ("公元前221年统一。", ("公元前221年",), ("公元221年",)),
]
NAMES = [
    ("他用 GPT-4 和 Python 写程序。", ("GPT-4 与 python", "PYTHON"), ("GPT-5", "GPT-4o", "Java")),
    ("PM2.5 超标，H5N1 流行。", ("PM2.5",), ("PM10", "H7N9")),
    ("走了五公里，重三千克。", ("5 km，3 kg",), ("5 Newton",)),
    ("Humphry Davy joined the Royal Navy.", ("Humphry Davy", "Royal Navy", "Davy"), ("Michael Faraday", "Army")),
]


def case(source: str, answer: str) -> Case:
    language = "en" if source.isascii() else "zh"
    (form,) = load_forms(["rewrite"])
    return Case(
        replace(form, language=language), Seed("a", 0, source, "", "c", "", language), Answer(answer, "stop", 0, 0)
    )


@pytest.mark.parametrize(("source", "may", "may_not"), NUMBERS, ids=[row[0][:12] for row in NUMBERS])
def test_numbers(source: str, may: tuple[str, ...], may_not: tuple[str, ...]) -> None:
    assert [one for one in may if foreign_numbers(case(source, f"据说{one}。"))] == []
    assert [one for one in may_not if not foreign_numbers(case(source, f"据说{one}。"))] == []


@pytest.mark.parametrize("text", FREE)
def test_numbers_that_only_order_or_are_words_are_none(text: str) -> None:
    assert foreign_numbers(case("天气很好。", text)) is None


@pytest.mark.parametrize(("source", "may", "may_not"), DATES, ids=[row[0][:12] for row in DATES])
def test_dates(source: str, may: tuple[str, ...], may_not: tuple[str, ...]) -> None:
    assert [one for one in may if foreign_dates(case(source, f"据说在{one}。"))] == []
    assert [one for one in may_not if not foreign_dates(case(source, f"据说在{one}。"))] == []


@pytest.mark.parametrize(("source", "may", "may_not"), NAMES, ids=[row[0][:12] for row in NAMES])
def test_latin_names(source: str, may: tuple[str, ...], may_not: tuple[str, ...]) -> None:
    assert [one for one in may if foreign_names(case(source, f"据说{one}。"))] == []
    assert [one for one in may_not if not foreign_names(case(source, f"据说{one}。"))] == []


def test_traditional_text_is_compared_with_simplified() -> None:
    assert foreign_numbers(case("投资3.5亿元，两万八千人。", "投資三億五千萬元，兩萬八千人。")) is None
    assert foreign_numbers(case("投资3.5亿元。", "投資三億六千萬元。")) is not None


def test_a_form_that_may_invent_is_not_asked() -> None:
    (form,) = load_forms(["word_problem@student"])
    seed = Seed("a", 0, "水果店开门了。", "", "c", "", "zh")
    invents = Case(form, seed, Answer("2031年，一箱72个 Apple。", "stop", 0, 0))
    assert foreign_numbers(invents) is foreign_dates(invents) is foreign_names(invents) is None
