"""What a model is asked of a text, and what its answer says, as a label.

A guard is shown the text alone, as it was trained to be: "Safety: Unsafe / Categories: Violent" (Qwen3Guard) or
"unsafe / S1" (Llama Guard). It knows nothing of junk. Any other chat model is told the labels, and answers with one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from hanhua.filtering.config import CATEGORIES
from hanhua.filtering.harm.guard import ANSWERS, NOT_OURS
from hanhua.filtering.labeling.label_file import HARMLESS, JUNK, KEEP, UNSURE

Manner = Literal["chat", "guard"]
SHOWN_CHARACTERS = 2000
MEANT: Mapping[str, str] = {
    KEEP: "值得作为训练语料：内容连贯的文章、问答、讨论、新闻、教程、文学等；口语化、略有网页残余的也算",
    JUNK: "没有训练价值：导航与列表、残缺的标题和摘要、商品与医院广告、关键词堆砌、机器拼凑的文字、没有内容的帖子",
    "pornography": "色情内容或招嫖",
    "gambling": "赌博平台的推广",
    "fraud": "诈骗、刷单、虚假投资和贷款",
    "illegal_goods": "毒品、枪支、假证、违禁药品等的买卖",
    "black_market": "账号买卖、洗钱、黑客工具、发票等黑灰产",
    "violence": "宣扬或教唆暴力、恐怖",
    "hate": "针对群体的侮辱和仇恨",
    "self_harm": "鼓励自杀或自残",
}
PROMPT = """你是中文语料的审核员。请判断下面的网页文字是否适合作为语言模型的训练语料，只回答一个标签，不要解释。

标签：
{labels}

报道、科普、法律和文学作品只是提到这些主题时，不算有害，标 keep。既是垃圾又有害时，标有害的类别。

文字：
<<<
{text}
>>>

标签："""
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_WORD = re.compile(r"(?<![A-Za-z_])(" + "|".join((KEEP, JUNK, *CATEGORIES)) + r")(?![A-Za-z_])")


def prompt_for(text: str, manner: Manner, *, template: str = PROMPT) -> str:
    """Return what the model is asked: of a long text, its beginning and a piece of its middle.

    template: with `{text}`, and `{labels}` where they are to stand.
    """
    shown = text
    if len(text) > SHOWN_CHARACTERS:
        half, middle = SHOWN_CHARACTERS // 2, len(text) // 2
        shown = f"{text[:half]}\n…\n{text[middle : middle + half]}"
    if manner == "guard":
        return shown
    labels = "\n".join(f"- {name}：{meaning}" for name, meaning in MEANT.items())
    # The text may hold braces of its own.
    return template.replace("{labels}", labels).replace("{text}", shown)


def read_answer(answer: str, manner: Manner) -> str:
    """Return the label an answer says; `unsure` for one that says none, or several.

    >>> read_answer("unsafe S10", "guard"), read_answer("<think>junk?</think>keep", "chat")
    ('hate', 'keep')
    """
    answer = _THOUGHT.sub("", answer)
    return _of_guard(answer) if manner == "guard" else _of_chat(answer)


def manner_of(name: str) -> Manner:
    """Return how a model is asked, by its name: a guard's says so.

    >>> manner_of("Qwen/Qwen3Guard-Gen-0.6B"), manner_of("meta-llama/Llama-Guard-3-8B"), manner_of("Qwen/Qwen3-8B")
    ('guard', 'guard', 'chat')
    """
    return "guard" if "guard" in name.lower() else "chat"


def _of_guard(answer: str) -> str:
    if re.search(r"(?i)\bcontroversial\b", answer):
        return UNSURE
    if re.search(r"(?i)\bunsafe\b", answer):
        named = [name for pattern, name in ANSWERS.items() if re.search(pattern, answer)]
        ours = [name for name in named if name != NOT_OURS]
        # An objection of none of our kinds (politics, copyright) is no harm to us.
        return ours[0] if ours else HARMLESS if named else UNSURE
    return HARMLESS if re.search(r"(?i)\bsafe\b", answer) else UNSURE


def _of_chat(answer: str) -> str:
    found = set(_WORD.findall(answer.lower().replace("self-harm", "self_harm")))
    return found.pop() if len(found) == 1 else UNSURE
