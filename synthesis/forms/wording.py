"""What all forms say alike: for whom is written, in which Chinese, and what no answer may do."""

from __future__ import annotations

from typing import Literal

Audience = Literal["student", "professional"]
FormScript = Literal["hans", "hant-tw", "hant-hk"]

AUDIENCES: dict[Audience, str] = {
    "student": "读者是中学生：用短句和常见的词，术语第一次出现时用一句话讲明白，不必铺陈背景。",
    "professional": "读者是这一行的专业人员：术语照行内说法，不解释常识，限定条件和数据要写全。",
}

CONVERSIONS: dict[FormScript, Literal["s2twp", "s2hk"] | None] = {"hans": None, "hant-tw": "s2twp", "hant-hk": "s2hk"}
"""How a prompt is made Traditional: a teacher answers in the Chinese it is asked in."""

SCRIPTS: dict[FormScript, str] = {
    "hans": "用规范的简体中文书写。",
    "hant-tw": "請用臺灣通行的正體中文書寫，用詞依臺灣習慣（例如軟體、網路、資訊、影片、公尺），引號用「」。",
    "hant-hk": "請用香港通行的繁體中文書面語書寫，用詞依香港習慣（例如軟件、互聯網、資訊、短片），引號用「」，"
    "不用粵語口語。",
}

SYSTEM = (
    "你是一位中文编辑，把给你的材料改写成可以直接刊出的文字。"
    "只写成品：不打招呼，不说明你做了什么，不提“材料”“原文”“上文”，也不提自己。"
)

FAITHFUL = "材料里没有的事实一概不写；数字、日期、人名、地名、外文名称都照材料，不换算，不推算，不补充。"
