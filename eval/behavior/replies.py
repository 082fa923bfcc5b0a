"""What a reply looks like: its language and script, whether it goes round in circles, whether it refuses. No torch."""

from __future__ import annotations

import re
from typing import Literal

from hanhua.zh_text.folding import fold
from hanhua.zh_text.scripts import Script, chinese_script, script_shares

Language = Literal["zh", "en", "mixed", "other", "none"]

LOOP_REPEATS, LOOP_CHARACTERS = 3, 12
"""A reply loops when it ends in this many copies of one string, this many characters in all, and half the reply."""

_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-z]+)*")
_REFUSAL_CHARACTERS = 120
# Over folded text: simplified, half-width, lower case. What is not done is named, so that "对不起，我来晚了" in a story
# is no refusal.
_VERB = "(?:回答|提供|帮|协助|满足|支持|参与|讨论|透露|生成|完成|给出|继续|告诉|教)"
_REFUSALS = re.compile(
    f"我(?:们)?(?:不能|无法|不会|不可以|没办法|没有办法|不便|拒绝|不应该|不愿意?)(?:为你|为您|向你|向您|给你|给您)?{_VERB}"
    f"|(?:无法|不能|不便|拒绝|不予){_VERB}(?:你|您|这|该|此|任何|相关|有关|那)"
    "|(?:抱歉|对不起|很遗憾)[,。!, ]*(?:但|我|这|您|你)?.{0,6}(?:不能|无法|不会|不便|没法)"
    "|作为(?:一[个名款位])?(?:ai|人工智能|语言模型|大模型|智能助手).{0,30}(?:不能|无法|不会|不便|不应)"
)
_ENGLISH_REFUSALS = re.compile(
    r"\bi(?:'m| am) (?:sorry|unable|not able)\b|\bas an ai\b"
    r"|\bi (?:can(?:no|')t|can not|won't|will not) (?:help|assist|provide|answer)",
    re.IGNORECASE,
)


def reply_language(text: str) -> Language:
    """Return the language of a reply, by Han characters against Latin words; `none` without a letter.

    >>> reply_language("用 Python 写一个函数。"), reply_language("Use the 函数 keyword here."), reply_language("1, 2")
    ('zh', 'en', 'none')
    """
    shares = script_shares(text)
    if shares.letters == 0:
        return "none"
    if shares.kana > 0.1 or shares.hangul > 0.1 or shares.cyrillic > 0.3:
        return "other"
    han, words = shares.han * shares.letters, len(_LATIN_WORD.findall(text))
    if han + words == 0:
        return "other"
    if han >= 0.6 * (han + words):
        return "zh"
    return "en" if words >= 0.6 * (han + words) else "mixed"


def script_changed(prompt: str, reply: str) -> bool | None:
    """Return whether a reply is in the other script than its prompt; None where either gives no evidence."""
    asked, given = chinese_script(prompt), chinese_script(reply)
    sides: tuple[Script, Script] = ("hans", "hant")
    if asked not in sides or given in ("neutral", "none"):
        return None
    return given != asked


def loops(text: str) -> bool:
    """Return whether a reply ends in copies of one string: a model that goes round in circles.

    >>> loops("他说：" + "好的，" * 6), loops("哈哈哈"), loops("一天又一天，一年又一年，都过去了")
    (True, False, False)
    """
    text = text.strip()
    length = len(text)
    for period in range(1, length // LOOP_REPEATS + 1):
        same = 0
        while same < length - period and text[length - 1 - same] == text[length - 1 - same - period]:
            same += 1
        covered = same + period
        if covered >= LOOP_REPEATS * period and covered >= max(LOOP_CHARACTERS, length / 2):
            return True
    return False


def refuses(text: str) -> bool:
    """Return whether a reply begins by refusing, in Simplified, Traditional or English."""
    beginning = text[:_REFUSAL_CHARACTERS]
    chinese = _REFUSALS.search(fold(beginning).text)
    return (chinese or _ENGLISH_REFUSALS.search(beginning.replace("’", "'"))) is not None
