"""Answers that are not whole: cut off, brackets that stay open, one sentence over and over."""

from __future__ import annotations

import re
from collections import Counter

from hanhua.synthesis.checks.case import Case

_ENDS = tuple("。！？!?…”’」』》）)】]|；;%`$")
_PAIRS = {"（": "）", "(": ")", "《": "》", "「": "」", "『": "』", "“": "”", "【": "】", "[": "]", "〔": "〕"}
_LISTED = re.compile(r"^[ ]*(?:\d{1,2}|[a-zA-Z])[)）]", re.MULTILINE)
_LABEL = re.compile(r"^(?:问题?|答|解析|题目|解答)[：:]\s*")
_SENTENCE = re.compile(r"[^。！？!?\n；;|]+")
MAX_REPEATED_RATIO = 0.2
"""Of the letters, in sentences that came before (Gopher's limit for repeated lines is 0.3, of paragraphs 0.2)."""
MAX_TIMES = 3
MIN_SENTENCE = 6
_ENDS_BARE = ("exam", "table", "relations")
"""Shapes whose last line may be a letter or a cell."""


def truncated(case: Case) -> str | None:
    """Return how an answer was cut off: the server says so, a thought never ends, or its last sentence does not."""
    if case.answer.finish_reason not in ("stop", "end_turn", "eos", ""):
        return f"the server stopped it: {case.answer.finish_reason}"
    if re.search(r"<think(?:ing)?>", case.text, re.IGNORECASE):
        return "its thoughts never end"
    last = case.text.rstrip("*_ \n")
    if (
        last.endswith(_ENDS)
        or re.search(r"(?<![\d\s.])\.[\"'”’)]*$", last)
        or (case.form.shape in _ENDS_BARE and re.search(r"答案[：:]\s?[A-E][.。]?$", case.plain))
    ):
        return None
    return f"ends with {last[-12:]!r}" if last else None


def unbalanced(case: Case) -> str | None:
    """Return brackets, quotes or fences that open and never close."""
    if case.text.count("```") % 2:
        return "a fence that stays open"
    text = _LISTED.sub("", case.text)
    wrong = [
        f"{opening} {text.count(opening)} times, {closing} {text.count(closing)}"
        for opening, closing in _PAIRS.items()
        if text.count(opening) != text.count(closing)
    ]
    if case.text.count("**") % 2:
        wrong.append("** an odd number of times")
    return "; ".join(wrong) or None


def repeats_itself(case: Case) -> str | None:
    """Return what an answer says over and over."""
    found = [_LABEL.sub("", sentence.strip()) for sentence in _SENTENCE.findall(case.plain)]
    sentences = [one for one in found if sum(map(str.isalnum, one)) >= MIN_SENTENCE]
    times = Counter(sentences)
    clauses = Counter(
        one.strip() for one in re.split(r"[。！？!?\n；;|，,、：:]", case.plain) if len(one.strip()) >= MIN_SENTENCE
    )
    if clauses and max(clauses.values()) > MAX_TIMES:
        clause, count = clauses.most_common(1)[0]
        return f"{count} times: {clause[:40]}"
    worst, most = max(times.items(), key=lambda item: item[1], default=("", 0))
    again = sum(len(one) * (count - 1) for one, count in times.items())
    if most >= MAX_TIMES or again > MAX_REPEATED_RATIO * max(1, sum(map(len, sentences))):
        return f"{most} times: {worst[:40]}"
    loop = re.search(r"([^\n\-=|·.…_ ]{2,12}?)\1{4,}", case.plain)
    return None if loop is None else f"over and over: {loop[1]}"
