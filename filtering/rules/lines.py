"""Texts judged by their lines: lists, teasers that end in …, lines that no mark ends."""

from __future__ import annotations

from collections import Counter

import numpy as np

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Drafts, Verdict, reject

MIN_LINES = 3
_BULLETS = ("-", "•", "●", "○", "■", "□", "◆", "★", "※", "·", "*")
# An ellipsis is …, or as many of . or 。 at the end.
_DOTS = 3
_ENDS = tuple("。！？…：；.!?:;」』”）)】》\"'")


def lines(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject by shares of lines; a text of fewer than three lines is none to judge by them, but for its marks."""
    for detail, limit, measure in (
        ("lists", limits.max_list_line_ratio, _listed),
        ("ellipses", limits.max_ellipsis_line_ratio, ellipsis_ratio),
        ("said_before", limits.max_duplicate_lines_ratio, _said_before),
    ):
        if limit is None or draft.view(filled_lines) < MIN_LINES:
            continue
        ratio = draft.measure(f"lines.{detail}", measure(draft))
        if ratio > limit:
            return reject(f"lines.{detail}", ratio)
    if limits.min_punctuated_line_ratio is None or not draft.lines:
        return KEEP
    ratio = draft.measure("lines.unpunctuated", sum(line.endswith(_ENDS) for line in draft.lines) / len(draft.lines))
    return reject("lines.unpunctuated", ratio) if ratio < limits.min_punctuated_line_ratio else KEEP


def filled_lines(drafts: Drafts) -> list[int]:
    """Return how many lines of each text hold something."""
    return drafts.lines.filled


def ellipsis_ratio(draft: Draft) -> float:
    """Return the share of lines that end in … or its like."""
    return draft.view(_ending_in_ellipses) / draft.view(filled_lines)


def _ending_in_ellipses(drafts: Drafts) -> list[int]:
    lines, codes = drafts.lines, np.concatenate([np.zeros(_DOTS, np.uint32), drafts.joined.codes])
    # Three places further on, so that there is something before the first line.
    last, before, first = (codes[lines.stops + at] for at in (2, 1, 0))
    dots = (last == before) & (last == first) & ((last == ord(".")) | (last == ord("。")))
    long = lines.stops - lines.begins >= _DOTS
    return lines.counts((lines.stops > lines.begins) & ((last == ord("…")) | (dots & long)))


def _listed(draft: Draft) -> float:
    return sum(line.startswith(_BULLETS) for line in draft.lines) / len(draft.lines)


def _said_before(draft: Draft) -> float:
    return 1 - len(Counter(draft.lines)) / len(draft.lines)
