"""Texts made of symbols, marks or digits rather than words."""

from __future__ import annotations

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject


def symbols(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject walls of emoji, box drawing, punctuation, numbers, or titles in 【】."""
    profile = draft.profile
    for detail, count, limit in (
        ("emoji", profile.symbols, limits.max_symbol_ratio),
        ("marks", profile.marks, limits.max_mark_ratio),
        ("digits", profile.digits, limits.max_digit_ratio),
    ):
        ratio = draft.measure(f"symbols.{detail}", count / max(profile.visible, 1))
        if limit is not None and ratio > limit:
            return reject(f"symbols.{detail}", ratio)
    if limits.max_bracket_ratio is not None and "【" in draft.text:
        brackets = draft.text.count("【") + draft.text.count("】")
        ratio = draft.measure("symbols.brackets", brackets / max(profile.visible, 1))
        if ratio > limits.max_bracket_ratio:
            return reject("symbols.brackets", ratio)
    return KEEP
