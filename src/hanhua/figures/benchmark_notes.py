"""What has to be said beside a benchmark's score: that only a part was asked, and that prompts were cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Found = Mapping[str, Any]
Both = dict[str, str]
"""A sentence in English and Chinese, by `en` and `zh`."""


def is_whole(about: Found) -> bool:
    """Return whether a score is the benchmark's: every question of every subject was asked, as far as is known.

    about: the benchmark's entry in `tasks` of the scores. Without a published size it is not known, so not whole.
    """
    published = about.get("published") or {}
    if about.get("whole") is None or not published:
        return False
    return bool(about["whole"])


def part_asked(about: Found) -> Both | None:
    """Return that only a part of a benchmark was asked, and which; None when all of it was, or its size is unknown."""
    published = about.get("published") or {}
    if not published or is_whole(about):
        return None
    english, chinese = [], []
    if asked := published.get("questions"):
        english.append(f"{about['questions']:,} of {asked:,} questions")
        chinese.append(f"{asked:,} 题中的 {about['questions']:,} 题")
    if subjects := published.get("subjects"):
        english.append(f"{about['subjects']:,} of {subjects:,} subjects")
        chinese.append(f"{subjects:,} 个科目中的 {about['subjects']:,} 个")
    return {
        "en": f"not the whole benchmark: {', '.join(english)}",
        "zh": f"不是完整的基准：只测了 {'，'.join(chinese)}",
    }


def prompts_cut(truncated: int, questions: int) -> Both | None:
    """Return that prompts were longer than the model's context; None when none was."""
    if not truncated:
        return None
    return {
        "en": f"{truncated:,} of {questions:,} prompts were cut to fit the model's context",
        "zh": f"{questions:,} 个提示中有 {truncated:,} 个超出模型的上下文，被截断",
    }
