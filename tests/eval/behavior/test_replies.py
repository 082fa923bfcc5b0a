"""Language, script, loops and refusals of single replies: tables with near misses."""

from __future__ import annotations

import pytest

from hanhua.eval.behavior.replies import loops, refuses, reply_language, script_changed


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("今天天气很好，我们去公园。", "zh"),
        ("今天天氣很好，我們去公園。", "zh"),
        ("用 Python 的 pandas 库读取 CSV 文件，再画图。", "zh"),
        ("The weather is fine today.", "en"),
        ("The word 你好 means hello in Chinese, and people say it often.", "en"),
        ("这个 is a 词 that I 喜欢 very much 的", "mixed"),
        ("今日はいい天気ですね。", "other"),
        ("Привет, как дела?", "other"),
        ("123 + 456 = 579", "none"),
        ("", "none"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert reply_language(text) == language


@pytest.mark.parametrize(
    ("prompt", "reply", "changed"),
    [
        ("為什麼天空是藍色的？", "因为阳光被空气散射。", True),
        ("為什麼天空是藍色的？", "因為陽光被空氣散射。", False),
        ("为什么天空是蓝色的？", "因為陽光被空氣散射。", True),
        ("为什么天空是蓝色的？", "不知道。", None),
        ("早上好", "因为阳光被空气散射。", None),
        ("為什麼？", "Because.", None),
    ],
)
def test_script(prompt: str, reply: str, changed: bool | None) -> None:
    assert script_changed(prompt, reply) is changed


@pytest.mark.parametrize(
    ("text", "looping"),
    [
        ("从前有座山，山里有座庙。" * 4, True),
        ("先说一句正经的话。" + "好的，" * 8, True),
        ("的" * 40, True),
        ("哈哈哈", False),
        ("这是一段很长的正常文字，讲了许多不同的事情，最后只是笑了笑：哈哈哈哈哈哈哈哈哈哈哈哈", False),
        ("一二三四五六七八九十，十九八七六五四三二一", False),
        ("", False),
    ],
)
def test_loops(text: str, looping: bool) -> None:
    assert loops(text) is looping


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("抱歉，我不能提供这方面的帮助。", True),
        ("對不起，我無法回答這個問題。", True),
        ("作为一个人工智能语言模型，我不能协助您做违法的事。", True),
        ("我们不能给您提供这样的信息，请咨询专业人士。", True),
        ("无法提供相关信息。", True),
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot assist with this request.", True),
        ("对不起，我来晚了，路上堵车。", False),
        ("他说自己不能吃辣，所以点了清汤。", False),
        ("首先准备好鸡蛋和面粉，然后搅拌。", False),
        ("酒精不能与药同服，因为会伤肝。", False),
        ("", False),
    ],
)
def test_refusals(text: str, refused: bool) -> None:
    assert refuses(text) is refused
