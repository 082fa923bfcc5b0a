"""Takes off an answer what is no part of the document: thoughts, a fence around the whole, a greeting, a farewell."""

from __future__ import annotations

import re

_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"\A```[A-Za-z]*\n(?P<inner>(?:(?!```).)*)\n```\Z", re.DOTALL)
_GREETING = re.compile(
    r"\A(?:好的|好的呀|没问题|沒問題|当然|當然|当然可以|當然可以|Sure|Certainly|Of course)[，,。！!：: ]*"
    r"[^\n。！？!?]{0,40}[：:。！!]?[ ]*\n+"
    r"|\A(?:以下|下面|这|這)(?:是|为|為)[^\n。]{0,40}"
    r"(?:改写|改寫|译文|譯文|问答|問答|教程|题|題|表|关系|關係|版本|内容|內容)[^\n。]{0,12}[：:][ ]*\n+"
    r"|\A(?:译文|譯文|改写后|改寫後|改写|改寫|Here is[^\n]{0,60}|Here's[^\n]{0,60})[：:][ ]*\n*",
    re.IGNORECASE,
)
_FAREWELL = re.compile(
    r"\n+(?:希望(?:这|這|以上|能|对|對)[^\n]{0,50}(?:帮助|幫助|满意|滿意|要求)[^\n]{0,12}"
    r"|如(?:有|果)[^\n]{0,30}(?:告诉我|告訴我|随时|隨時|告知)[^\n]{0,20}|I hope this helps[^\n]{0,40})\Z",
    re.IGNORECASE,
)
_BLANK_LINES = re.compile(r"\n{3,}")
_LINE_ENDS = re.compile(r"[ \t\u3000]+(?=\n|\Z)")


def cleaned(text: str) -> str:
    r"""Return the answer alone.

    >>> cleaned("<think>先看材料</think>\n好的，以下是问答：\n\n问：几点开门？\n答：九点。\n\n希望对您有帮助！")
    '问：几点开门？\n答：九点。'
    """
    text = _THOUGHTS.sub("", text.replace("\r\n", "\n")).strip()
    fenced = _FENCE.fullmatch(text)
    if fenced is not None:
        text = fenced["inner"].strip()
    text = _FAREWELL.sub("", _GREETING.sub("", text)).strip()
    return _BLANK_LINES.sub("\n\n", _LINE_ENDS.sub("", text))
