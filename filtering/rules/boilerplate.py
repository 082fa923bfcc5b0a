"""Pages that are all navigation, notices and links: labels that stand on any site, and nothing of its own."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.draft import KEEP, Draft, Verdict, reject
from hanhua.zh_text.folding import Folded
from hanhua.zh_text.matcher import LexiconMatcher

MIN_LABELS = 3
HEAD = 4000
_LINK = re.compile(r"https?://[^\s)\]】》]+|www\.[^\s)\]】》]+")


def boilerplate(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject a text in which labels (首页, 上一篇, 版权所有 …) and bare links make up too much.

    At least three different labels are needed: one sentence may well say 点击进入.
    """
    if limits.max_boilerplate_ratio is None or not draft.chinese:
        return KEEP
    folded = _head(draft)
    hits = _labels().find(folded)
    if len({hit.term for hit in hits}) < MIN_LABELS:
        return KEEP
    covered = bytearray(len(folded.text))
    for hit in hits:
        covered[hit.start : hit.end] = b"\x01" * (hit.end - hit.start)
    end = int(folded.offsets[-1]) + 1
    links = sum(sum(map(str.isalnum, link)) for link in _LINK.findall(draft.text, 0, end))
    ratio = min(1.0, (sum(covered) + links) / max(len(covered), 1))
    return reject("boilerplate", ratio) if ratio > limits.max_boilerplate_ratio else KEEP


def _head(draft: Draft) -> Folded:
    """Return the beginning of the folded text: a page that is all labels is so from the start."""
    whole = draft.folded
    return whole if len(whole.text) <= HEAD else Folded(whole.text[:HEAD], whole.offsets[:HEAD])


@cache
def _labels() -> LexiconMatcher:
    lines = files("hanhua.filtering.rules").joinpath("boilerplate.txt").read_text(encoding="utf-8").splitlines()
    return LexiconMatcher([line for line in lines if line and not line.startswith("#")])
