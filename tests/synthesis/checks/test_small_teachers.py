"""What very small models answer: words left in English, the prompt itself, English that is whole and not cut off."""

from __future__ import annotations

import pytest

from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.endings import truncated
from hanhua.synthesis.checks.language import wrong_language
from hanhua.synthesis.checks.talk import speaks_of_prompt
from hanhua.synthesis.forms.library import load_forms
from hanhua.synthesis.seed import Seed

SOURCE = "The line used London time, said the timetable. Run `docker build` before the kernel starts, said Mr. Holt."


def case(text: str, form: str = "translation", source: str = SOURCE) -> Case:
    (one,) = load_forms([form])
    return Case(one, Seed("a", 0, source, "", "c", "", one.language), Answer(text, "stop", 0, 0))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("这条线路的 timetable 用的是伦敦时间，沿线车站都照着它对表。", "left in English: timetable"),
        ("这条线路的时刻表（timetable）用的是伦敦时间。", None),
        (
            "Holt 先生说，内核（kernel）启动之前要先运行 `docker build`，沿线的车站才好照着伦敦时间对表。",
            None,
        ),
        ("霍尔特先生说，内核启动之前要先运行 docker 构建。", None),
        ("The timetable of the line used London time, said Mr. Holt.", "2% Han"),
    ],
)
def test_common_words_are_translated_and_names_and_commands_may_stay(text: str, found: str | None) -> None:
    said = wrong_language(case(text))
    assert (said is None) == (found is None) and (found is None or "Han" in found or said == found), said


def test_the_prompt_itself_is_no_answer() -> None:
    echo = "将下面的英文译成中文：译文要像中文写的，按中文的语序断句，不漏译，不添话。"
    assert speaks_of_prompt(case(echo)) == "按中文的语序断句"
    assert speaks_of_prompt(case("你是一位中文编辑，把给你的材料改写成可以直接刊出的文字。", "rewrite", "水会沸腾。"))
    assert speaks_of_prompt(case("这条线路的时刻表用的是伦敦时间。")) is None
    told = "数字、日期、人名、地名、外文名称都照材料，是编辑的规矩。把给你的材料改写成可以直接刊出的文字。"
    assert speaks_of_prompt(case(told, "rewrite", told)) is None, "a passage on editing may say so"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The line used London time.", True),
        ("他说：“The line used London time.”", True),
        ("这个工具叫 Docker.", True),
        ("要点如下：\n1.", False),
        ("全长 3.", False),
        ("这条线路的", False),
        ("然后..", False),
    ],
)
def test_english_that_ends_is_not_cut_off(text: str, whole: bool) -> None:
    assert (truncated(case(text)) is None) == whole
