"""Scores texts for harmful content by a weighted lexicon: windows, co-occurrence, context, density.

In each window of the folded text, and for each category, the weights of the different terms add up to
evidence E. Words that are the thing itself (`act`), that only a seller or inciter uses (`offer`), and ways to
get in touch (`contact`) make it evidence of the real thing; what is merely about a topic counts half, and
words of news, law, medicine and help around it weaken it further. The score is E / (E + 6), so .5 is at
E = 6: several terms, never one.
In a long text the harmful windows must be more than a few, or the score stays below .5.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from hanhua.filtering.config import CATEGORIES
from hanhua.filtering.harm.evidence import Evidence, EvidenceFinder, whole_words
from hanhua.filtering.harm.lexicon import Lexicon, Sense, load_lexicon
from hanhua.skills import HarmScore
from hanhua.zh_text.folding import Folded, fold
from hanhua.zh_text.matcher import Hit

ALGORITHM = "lexicon-2"
WINDOW_CHARACTERS = 160
EVIDENCE_AT_HALF = 6.0
# Those in which somebody wants to be paid; the others have nobody to get in touch with.
COMMERCIAL = frozenset({"pornography", "gambling", "fraud", "illegal_goods", "black_market"})
MAX_CONTACT = 4.0
CONTACT_THAT_SELLS = 3.0
TOPIC_ALONE = 0.5
CONTEXT_WEIGHT = 0.2
MAX_CONTEXT = 20.0
STRONG = 2.0
MIN_STRONG_TERMS = 2
MIN_DENSITY = 0.08
_JUST_BELOW_HALF = 0.49
_NOTHING = HarmScore(None, 0.0)


@dataclass(frozen=True)
class _Window:
    """What one window holds of one category."""

    score: float
    evidence: tuple[Evidence, ...]


class LexiconScorer:
    """The harmful-content scorer made of a lexicon, by default the shipped one."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        lexicon = lexicon or load_lexicon()
        # Most texts have no two strong terms of a category; they never meet the longer list.
        strong = {term: senses for term, senses in lexicon.senses.items() if any(_is_strong(sense) for sense in senses)}
        self._strong = EvidenceFinder(Lexicon(strong, (), ""))
        self._all = EvidenceFinder(lexicon)
        self.fingerprint = hashlib.sha256(f"{ALGORITHM} {lexicon.sha256}".encode()).hexdigest()

    def score(self, text: str) -> HarmScore:
        """Return category, score and the evidence's spans in the text as given.

        >>> build_harm_scorer().score("信誉菠菜平台首充送，加➕薇信abc123领彩金").category
        'gambling'
        """
        return self.score_folded(fold(text), text)

    def score_folded(self, folded: Folded, text: str) -> HarmScore:
        """Score a text whose folded view is at hand."""
        strong = self._strong.hits(folded)
        if len(strong) < MIN_STRONG_TERMS:
            return _NOTHING
        likely = self._close_together(strong)
        if not likely:
            return _NOTHING
        evidence = self._all.evidence(text, folded)
        found = _best_category(likely, evidence, folded)
        # Word boundaries can only take evidence away.
        return found if found.score < 0.5 else _best_category(likely, whole_words(folded, evidence), folded)

    def _close_together(self, hits: Iterable[Hit]) -> set[str]:
        """Return the categories of which enough different strong terms stand within one window."""
        last: dict[str, list[Hit]] = defaultdict(list)
        likely: set[str] = set()
        for hit in hits:
            for sense in self._strong.senses(hit):
                name = sense.list_name
                if name in likely or not _is_strong(sense):
                    continue
                near = [h for h in last[name] if h.start >= hit.end - WINDOW_CHARACTERS and h.term != hit.term]
                last[name] = [*near, hit]
                if len({h.term for h in last[name]}) >= MIN_STRONG_TERMS:
                    likely.add(name)
        return likely


def _is_strong(sense: Sense) -> bool:
    return sense.weight >= STRONG and sense.list_name in CATEGORIES and sense.role != "contact"


def _best_category(likely: set[str], evidence: list[Evidence], folded: Folded) -> HarmScore:
    scores = [_category_score(name, evidence, folded) for name in CATEGORIES if name in likely]
    return max(scores, key=lambda found: found.score)


def _category_score(category: str, evidence: list[Evidence], folded: Folded) -> HarmScore:
    windows = _windows(category, evidence)
    if not windows:
        return _NOTHING
    best = max(windows, key=lambda window: window.score)
    score = best.score
    harmful = [window for window in windows if window.score >= 0.5]
    if harmful and len(harmful) * WINDOW_CHARACTERS < MIN_DENSITY * len(folded.text):
        score = min(score, _JUST_BELOW_HALF)
    shown = {(one.start, one.end) for window in (harmful or [best]) for one in window.evidence}
    return HarmScore(category, score, _original_spans(folded, shown))


def _windows(category: str, evidence: list[Evidence]) -> list[_Window]:
    """Return the windows of one category from left to right; harmful ones do not overlap. Each begins at a hit."""
    lists = {category, "solicit"} if category in COMMERCIAL else {category}
    relevant = _apart(one for one in evidence if one.sense.list_name in lists)
    context = [one for one in evidence if one.sense.list_name == "context"]
    windows: list[_Window] = []
    after = 0
    for first in relevant:
        if first.start < after or first.sense.list_name == "solicit":
            continue
        # An advertisement may begin with how to get in touch, a report with who reports it.
        before, end = first.start - WINDOW_CHARACTERS // 2, first.start + WINDOW_CHARACTERS
        inside = [
            one
            for one in relevant
            if (first.start if one.sense.list_name == category else before) <= one.start and one.end <= end
        ]
        benign = {one.term: one.sense.weight for one in context if before <= one.start and one.end <= end}
        window = _score_window(inside, sum(benign.values()))
        if window.score > 0:
            windows.append(window)
        if window.score >= 0.5:
            after = end
    return windows


def _score_window(evidence: list[Evidence], context: float) -> _Window:
    weights = {(one.sense.role, one.term): one.sense.weight for one in evidence}
    by_role: Counter[str] = Counter()
    for (role, _), weight in weights.items():
        by_role[role] += weight  # type: ignore[assignment]
    strong = sum(weight >= STRONG for (role, _), weight in weights.items() if role != "contact")
    topic, itself = by_role["topic"], by_role["act"] + by_role["offer"]
    contact = min(by_role["contact"], MAX_CONTACT)
    meant = itself > 0 or contact >= CONTACT_THAT_SELLS
    total = topic + itself + contact if meant else topic * TOPIC_ALONE
    total /= 1 + CONTEXT_WEIGHT * min(context, MAX_CONTEXT)
    if strong < MIN_STRONG_TERMS:
        total = min(total, 0.8 * EVIDENCE_AT_HALF)
    return _Window(total / (total + EVIDENCE_AT_HALF), tuple(evidence))


def _apart(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Return the evidence by start, the heavier and longer where two overlap: 首充送 rather than 首充.

    One phrase is one piece of evidence, however many terms find something in it.
    """
    kept: list[Evidence] = []
    for one in sorted(evidence, key=lambda e: (-e.sense.weight, e.start - e.end, e.start, e.term)):
        at = bisect_left(kept, one.start, key=lambda e: e.end - 1)
        if at == len(kept) or one.end <= kept[at].start:
            kept.insert(at, one)
    return kept


def _original_spans(folded: Folded, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of the original text, merged where they touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(folded.original_span(*span) for span in spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


@cache
def build_harm_scorer() -> LexiconScorer:
    """Return the scorer with the shipped lexicon, made once per process."""
    return LexiconScorer()
