"""Texts judged by their lines: lists, teasers that end in …, lines that no mark ends."""

from __future__ import annotations

from collections import Counter

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject

MIN_LINES = 3
_BULLETS = ("-", "•", "●", "○", "■", "□", "◆", "★", "※", "·", "*")
_ELLIPSES = ("…", "...", "。。。")
_ENDS = tuple("。！？…：；.!?:;」』”）)】》\"'")


def lines(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject by shares of lines; a text of fewer than three lines is none to judge by them, but for its marks."""
    for detail, limit, measure in (
        ("lists", limits.max_list_line_ratio, _listed),
        ("ellipses", limits.max_ellipsis_line_ratio, _ending_in_ellipsis),
        ("said_before", limits.max_duplicate_lines_ratio, _said_before),
    ):
        if limit is None or len(draft.lines) < MIN_LINES:
            continue
        ratio = draft.measure(f"lines.{detail}", measure(draft.lines))
        if ratio > limit:
            return reject(f"lines.{detail}", ratio)
    if limits.min_punctuated_line_ratio is None or not draft.lines:
        return KEEP
    ratio = draft.measure("lines.unpunctuated", sum(line.endswith(_ENDS) for line in draft.lines) / len(draft.lines))
    return reject("lines.unpunctuated", ratio) if ratio < limits.min_punctuated_line_ratio else KEEP


def _listed(lines: list[str]) -> float:
    return sum(line.startswith(_BULLETS) for line in lines) / len(lines)


def _ending_in_ellipsis(lines: list[str]) -> float:
    return sum(line.endswith(_ELLIPSES) for line in lines) / len(lines)


def _said_before(lines: list[str]) -> float:
    return 1 - len(Counter(lines)) / len(lines)
