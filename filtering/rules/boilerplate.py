"""Pages that are all navigation, notices and links: labels found on any site, and no content of their own."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Drafts, Verdict, reject
from hanhua.filtering.terms import TermFinder
from hanhua.zh_text.folding import Offsets, code_points
from hanhua.zh_text.matcher import Hit, LexiconMatcher

MIN_LABELS = 3
MIN_LINES = 4
HEAD = 4000
_LINK = re.compile(r"https?://[^\s)\]】》]+|www\.[^\s)\]】》]+")


def boilerplate(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject a text in which labels (首页, 上一篇, 版权所有 …) and bare links make up too much, or too many lines.

    At least three different labels are needed: one sentence may well say 点击进入.
    """
    off = limits.max_boilerplate_ratio is None and limits.max_boilerplate_line_ratio is None
    if off or not draft.chinese:
        return KEEP
    hits = draft.view(_hits)
    if len({hit.term for hit in hits}) < MIN_LABELS:
        return KEEP
    offsets = draft.folded_offsets[:HEAD]
    covered = np.zeros(len(offsets), dtype=bool)
    for hit in hits:
        covered[hit.start : hit.end] = True
    end = int(offsets[-1]) + 1
    linked = "http" in draft.text or "www." in draft.text
    links = sum(sum(map(str.isalnum, link)) for link in _LINK.findall(draft.text, 0, end)) if linked else 0
    ratio = draft.measure("boilerplate", min(1.0, (int(covered.sum()) + links) / max(len(covered), 1)))
    if limits.max_boilerplate_ratio is not None and ratio > limits.max_boilerplate_ratio:
        return reject("boilerplate", ratio)
    ratio = draft.measure("boilerplate.lines", _line_ratio(draft.text[:end], covered, offsets))
    if limits.max_boilerplate_line_ratio is not None and ratio > limits.max_boilerplate_line_ratio:
        return reject("boilerplate.lines", ratio)
    return KEEP


def _hits(drafts: Drafts) -> list[list[Hit]]:
    """Return the labels in the beginning of each text: a page that is all labels is so from the start."""
    return _finder().find(drafts.folds, head=HEAD)


def _line_ratio(text: str, covered: npt.NDArray[np.bool_], offsets: Offsets) -> float:
    """Return the share of lines of which labels cover the most; links and lines without letters do not count."""
    breaks = np.flatnonzero(code_points(text) == ord("\n"))
    line_of = np.searchsorted(breaks, offsets)
    letters = np.bincount(line_of, minlength=len(breaks) + 1)
    labels = np.bincount(line_of, weights=covered, minlength=len(breaks) + 1)
    with_letters = letters > 0
    if np.count_nonzero(with_letters) < MIN_LINES:
        return 0.0
    return float(np.count_nonzero(labels[with_letters] > 0.5 * letters[with_letters]) / np.count_nonzero(with_letters))


@cache
def _finder() -> TermFinder:
    labels = _labels()
    return TermFinder(labels.forms, labels.find_in)


@cache
def _labels() -> LexiconMatcher:
    lines = files("hanhua.filtering.rules").joinpath("boilerplate.txt").read_text(encoding="utf-8").splitlines()
    return LexiconMatcher([line for line in lines if line and not line.startswith("#")])
