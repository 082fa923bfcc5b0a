"""Answers that speak as a model does: refusals, talk of being an AI, talk of the prompt and its passage."""

from __future__ import annotations

import re
from functools import lru_cache

from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.plain import letters
from hanhua.synthesis.forms.form import Form

_REFUSAL = re.compile(
    r"\A(?:您好|你好)?[，,！!。 ]?(?:非常|十分|很|实在)?(?:抱歉|对不起|不好意思|遗憾)[，,。！!：: ]"
    r"[^\n]{0,30}(?:无法|不能|没法|没有办法|不便|未能|难以)"
    r"|\A(?:我|本人)?(?:暂时|目前|恐怕)?(?:无法|不能|没有办法)(?:根据|为[您你]|完成|提供|生成|回答|满足|处理|编写|改写|翻译)"
    r"|\A(?:I'm sorry|I am sorry|Sorry,|I cannot|I can't|I'm unable|I am unable)"
    r"|(?:违反|不符合)(?:了)?(?:我的|相关的?)?(?:使用政策|安全准则|内容政策|使用准则)"
    r"|请(?:您|你)?(?:再)?(?:提供|补充|粘贴|输入|上传)(?:一下)?(?:更多|完整|具体|需要|相关|要)?[^\n。]{0,12}(?:材料|原文|文本|文章|内容|信息|段落)"
    r"|(?:您|你)(?:没有|还没有?|并未|似乎没有|未)(?:提供|给出|附上)[^\n。]{0,12}(?:材料|原文|文本|文章|内容|段落)",
    re.IGNORECASE,
)
_AI = re.compile(
    r"作为(?:一[个名款位]|由)?[^\n，。]{0,10}?(?:AI|人工智[能慧]|大?语言模型|智能助手|虚拟助手|聊天机器人|大模型)(?:语言模型|助手|模型|助理|系统|程序)?[，,]\s?(?:我|本)"
    r"|我(?:只)?是(?:一[个名款位])?(?:由)?[^\n，。]{0,12}?(?:AI|人工智[能慧]|语言模型|大模型|智能助手|聊天机器人|虚拟助手)"
    r"|我的(?:训练数据|知识(?:库)?截止|知识更新|训练截止)|截至我(?:的)?(?:训练|知识)|我没有(?:个人)?(?:情感|意识|实时|联网)"
    r"|\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b|\bI am (?:an AI|a language model)",
    re.IGNORECASE,
)
_PROMPT = re.compile(
    r"(?:根据|依据|按照|结合|基于|正如|如)(?:上述|上面|以上|下面|所给|给出|给定|提供|您|你|本|该|此|这段|这篇|题目中的)*(?:的)?(?:材料|原文|上文|文段|短文|所给内容|文本|原材料)(?!科学|力学|费|学|力|厂|商|类|工程)"
    r"|(?:材料|原文|上文|文中|本文|文段|短文|文本)(?:里|中|内)?(?:没有|并未|并没有|未曾?|还|也|曾|已经?|只|主要)?(?:说|提到|提及|指出|写道|写明|介绍|讲到|给出|明确|讨论|描述|所述)"
    r"|(?:您|你)(?:所)?(?:提供|给出|给我|要求|需要)的|按(?:照)?(?:您|你)的(?:要求|指示|需要)|前文提要|作为(?:一[位名个])?中文编辑"
    r"|(?:改写|翻译|译文|问答|教程|考题)(?:说明|备注|注释|思路)[：:]|[（(](?:注|说明|备注)[：:][^）)]{0,40}(?:改写|翻译|译文|原文|材料|要求|字数)"
    r"|\{(?:passage|context)\}|<\|[a-z_]+\|>|\[/?INST\]|<(?:s|/s|bos|eos|pad|unk)>|###\s?(?:Response|Instruction|Input)",
    re.IGNORECASE,
)

MIN_CLAUSE = 8
"""Letters of the prompt's own words in a row."""


def refusal(case: Case) -> str | None:
    """Return where the answer refuses, or asks for what it was given."""
    return _found(_REFUSAL, case.plain)


def speaks_as_model(case: Case) -> str | None:
    """Return where the answer says that it comes from a model. A text about models says no 我."""
    return _found(_AI, case.plain)


def speaks_of_prompt(case: Case) -> str | None:
    """Return where the answer speaks of the passage or of its task, or repeats it: its reader has neither."""
    found = _PROMPT.search(case.plain)
    # What the passage itself says so (本文介绍……) is the author's own.
    if found is not None and found[0] not in case.source:
        return found[0][:60]
    said = letters(case.text)
    return next(
        (clause for clause in _clauses(case.form) if clause in said and clause not in letters(case.source)), None
    )


@lru_cache(maxsize=64)
def _clauses(form: Form) -> tuple[str, ...]:
    """Return what a prompt says, clause by clause, but for short ones, which a text may hold by chance."""
    clauses = re.split(r"[。，：；、\n]|\{(?:passage|context)\}", f"{form.system}\n{form.user}")
    return tuple(found for one in clauses if len(found := letters(one)) >= MIN_CLAUSE)


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return None if match is None else match[0][:60]
