"""Talk of models and prompts, and texts about models and prompts."""

from __future__ import annotations

import pytest

from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.cleaning import cleaned
from hanhua.synthesis.checks.talk import refusal, speaks_as_model, speaks_of_prompt
from hanhua.synthesis.forms.library import load_forms
from hanhua.synthesis.seed import Seed

REFUSALS = [
    "很抱歉，我无法改写这段文字。",
    "对不起，我不能回答。",
    "无法根据所给内容出题。",
    "请提供需要改写的文章。",
    "I'm sorry, but I cannot help.",
    "您没有提供原文。",
    "抱歉，這個問題我無法回答。",
]
AS_MODELS = [
    "作为一个AI语言模型，我不能吃饭。",
    "我是由某公司开发的人工智能助手。",
    "我的知识截止于去年。",
    "As an AI language model, it is so.",
    "作為人工智慧助手，我建議多喝水。",
]
OF_PROMPTS = [
    "根据材料，水会沸腾。",
    "文中提到，山很高。",
    "原文没有说明。",
    "按照您的要求改写如下。",
    "（注：本译文略去了图表说明）",
    "根據上文，水會沸騰。",
    "<|im_start|>好",
    "### Response: 好",
]
INNOCENT = [
    "人工智能是一门学科，大模型靠语料学习，AI语言模型会写诗。",
    "他抱歉地说来晚了，无法参加会议。",
    "装修要先选材料，材料科学发展很快。",
    "语文课上，老师让大家读原文，再写感想。",
    "作为人工智能的一个分支，机器学习发展很快。",
    "根据规定，商店不得拒绝。",
    "请提供身份证，以便登记。",
    "我是一名教师，教了三十年书。",
    "根据材料力学，梁会弯曲。",
]


def case(text: str) -> Case:
    (form,) = load_forms(["rewrite"])
    return Case(form, Seed("a", 0, "水到一百度会沸腾。", "", "c", "", "zh"), Answer(text, "stop", 0, 0))


def test_refusals_and_talk_are_found() -> None:
    assert [text for text in REFUSALS if not refusal(case(text))] == []
    assert [text for text in AS_MODELS if not speaks_as_model(case(text))] == []
    assert [text for text in OF_PROMPTS if not speaks_of_prompt(case(text))] == []


@pytest.mark.parametrize("text", INNOCENT)
def test_texts_about_models_materials_and_apologies_are_none(text: str) -> None:
    assert refusal(case(text)) is speaks_as_model(case(text)) is speaks_of_prompt(case(text)) is None


def test_what_the_source_itself_says_so_is_its_own() -> None:
    (form,) = load_forms(["rewrite"])
    seed = Seed("a", 0, "本文介绍水的沸点。", "", "c", "", "zh")
    assert speaks_of_prompt(Case(form, seed, Answer("本文介绍水的沸点。", "stop", 0, 0))) is None


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("正文。", "正文。"),
        ("当然可以！以下是改写：\n正文。", "正文。"),
        ("下面是一组问答：\n\n问：几点？\n答：三点。", "问：几点？\n答：三点。"),
        ("正文。\n\n如果您还有其他需要，请随时告诉我。", "正文。"),
        ("以下三点要记住：\n正文。", "以下三点要记住：\n正文。"),
        ("```markdown\n正文。\n```", "正文。"),
        ("前文。\n```python\nx = 1\n```\n后文。", "前文。\n```python\nx = 1\n```\n后文。"),
        ("<think>没有说完", "<think>没有说完"),
    ],
)
def test_cleaning_takes_off_what_is_no_part_and_nothing_else(text: str, alone: str) -> None:
    assert cleaned(text) == alone
