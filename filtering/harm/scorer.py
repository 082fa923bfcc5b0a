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
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from hanhua.filtering.document import Drafts
from hanhua.filtering.harm.classifier import merge_spans
from hanhua.filtering.harm.evidence import Evidence, EvidenceFinder, whole_words
from hanhua.filtering.harm.lexicon import Lexicon, Sense, load_lexicon
from hanhua.services import HarmScore
from hanhua.zh_text.folding import Folded, fold
from hanhua.zh_text.matcher import Hit

ALGORITHM = "lexicon-3"
WINDOW_CHARACTERS = 160
EVIDENCE_AT_HALF = 6.0
# Categories in which somebody wants to be paid; in the others there is nobody to contact.
COMMERCIAL = frozenset({"pornography", "gambling", "fraud", "illegal_goods", "black_market"})
SHARED = frozenset({"solicit", "context", "exceptions"})
MAX_CONTACT = 4.0
CONTACT_THAT_SELLS = 3.0
TOPIC_ALONE = 0.5
CONTEXT_WEIGHT = 0.2
MAX_CONTEXT = 20.0
STRONG = 2.0
HIDDEN_STILL_STRONG = 0.75
MIN_STRONG_TERMS = 2
MIN_DENSITY = 0.08
# In longer texts homophones are looked for only around words that are there as they are.
MAX_HOMOPHONES_CHARACTERS = 2000
_JUST_BELOW_HALF = 0.49
_NOTHING = HarmScore(None, 0.0)


@dataclass(frozen=True)
class Examined:
    """A score, where in the folded text the strong terms are, and the weight of the harmless words next to them.

    words: how many different phrases they make; terms that overlap are one.
    """

    score: HarmScore
    hits: list[int]
    context: float = 0.0
    words: int = 0


@dataclass(frozen=True)
class _Region:
    """A stretch of the folded text in which strong terms of some categories stand close together."""

    start: int
    end: int
    categories: frozenset[str]


@dataclass(frozen=True)
class _Passage:
    """The folded text of a region, and the evidence of its categories and of the shared lists in it."""

    part: Folded
    categories: frozenset[str]
    evidence: list[Evidence]


@dataclass(frozen=True)
class _Window:
    """What one window holds of one category; the spans are of the original."""

    score: float
    spans: tuple[tuple[int, int], ...]
    context: float


class LexiconScorer:
    """The harmful-content scorer made of a lexicon, by default the shipped one."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        lexicon = lexicon or load_lexicon()
        self._categories = lexicon.categories
        # Most texts have no two strong terms of a category; they never meet the longer list.
        strong = {term: senses for term, senses in lexicon.senses.items() if any(map(_is_strong, senses))}
        self._strong = EvidenceFinder(Lexicon(strong, (), ""), disguised=True)
        self._all = EvidenceFinder(lexicon, disguised=True)
        self.fingerprint = hashlib.sha256(f"{ALGORITHM} {lexicon.sha256}".encode()).hexdigest()

    def score(self, text: str) -> HarmScore:
        """Return category, score and the evidence's spans in the text as given.

        >>> LexiconScorer().score("信誉菠菜平台首充送，加➕薇信abc123领彩金").category
        'gambling'
        """
        return self.examine(fold(text), text).score

    def examine(self, folded: Folded, text: str) -> Examined:
        """Score a text whose folded view is at hand."""
        alike = self._strong.homophones(folded.text) if len(folded.text) <= MAX_HOMOPHONES_CHARACTERS else []
        return self._examined([*self._strong.hits(folded.text), *alike], lambda: folded, text)

    def examine_each(self, drafts: Drafts) -> list[Examined]:
        """Score several texts; a view."""
        folds = drafts.folds
        strong = self._strong.hits_of_each(folds)
        alike = self._strong.homophones_of_each(folds, longest=MAX_HOMOPHONES_CHARACTERS)
        return [
            self._examined([*strong[number], *alike[number]], partial(folds.folded, number), text)
            for number, text in enumerate(drafts.texts)
        ]

    def _examined(self, strong: list[Hit], fold: Callable[[], Folded], text: str) -> Examined:
        if len(strong) < MIN_STRONG_TERMS:
            return Examined(_NOTHING, [hit.start for hit in strong], words=len(strong))
        folded = fold()
        strong = sorted(strong, key=lambda hit: (hit.end, hit.start))
        passages = [self._passage(region, folded, text) for region in self._close_together(strong)]
        found, context = self._best(passages, len(folded.text))
        # Word boundaries can only take evidence away.
        if found.score >= 0.5:
            checked = [replace(one, evidence=whole_words(one.part, one.evidence)) for one in passages]
            found, context = self._best(checked, len(folded.text))
        return Examined(found, [hit.start for hit in strong], context, _count_words(folded.text, strong))

    def _close_together(self, hits: Iterable[Hit]) -> list[_Region]:
        """Return the regions in which enough different strong terms of a category stand within one window."""
        last: dict[str, list[Hit]] = defaultdict(list)
        regions: list[_Region] = []
        for hit in hits:
            for sense in filter(_is_strong, self._strong.senses(hit)):
                name = sense.list_name
                near = [h for h in last[name] if h.start >= hit.end - WINDOW_CHARACTERS and h.term != hit.term]
                last[name] = [*near, hit]
                if len({h.term for h in last[name]}) >= MIN_STRONG_TERMS:
                    begin = max(min(h.start for h in last[name]) - WINDOW_CHARACTERS, 0)
                    regions.append(_Region(begin, hit.end + WINDOW_CHARACTERS, frozenset({name})))
        return _joined(regions)

    def _passage(self, region: _Region, folded: Folded, text: str) -> _Passage:
        part = Folded(folded.text[region.start : region.end], folded.offsets[region.start : region.end])
        asked = {*region.categories, *SHARED}
        evidence = [one for one in self._all.evidence(text, part) if one.sense.list_name in asked]
        return _Passage(part, region.categories, evidence)

    def _best(self, passages: list[_Passage], characters: int) -> tuple[HarmScore, float]:
        windows: dict[str, list[_Window]] = defaultdict(list)
        for passage in passages:
            for name in self._categories:
                if name in passage.categories:
                    windows[name] += _windows(name, passage.evidence, passage.part)
        scores = [_category_score(name, found, characters) for name, found in windows.items() if found]
        return max(scores, key=lambda found: found[0].score, default=(_NOTHING, 0.0))


def _count_words(text: str, hits: Iterable[Hit]) -> int:
    """Return how many different phrases the hits make; those that overlap are one."""
    phrases: set[str] = set()
    start = end = 0
    for hit in sorted(hits, key=lambda hit: hit.start):
        if hit.start >= end:
            phrases.add(text[start:end])
            start = hit.start
        end = max(end, hit.end)
    return len({*phrases, text[start:end]} - {""})


def _is_strong(sense: Sense) -> bool:
    return sense.weight >= STRONG and sense.list_name not in SHARED and sense.role != "contact"


def _joined(regions: list[_Region]) -> list[_Region]:
    joined: list[_Region] = []
    for one in sorted(regions, key=lambda region: region.start):
        if joined and one.start <= joined[-1].end:
            last = joined[-1]
            joined[-1] = _Region(last.start, max(last.end, one.end), last.categories | one.categories)
        else:
            joined.append(one)
    return joined


def _category_score(category: str, windows: list[_Window], characters: int) -> tuple[HarmScore, float]:
    """Return the score of one category, and the weight of the context of its best window."""
    best = max(windows, key=lambda window: window.score)
    score = best.score
    harmful = [window for window in windows if window.score >= 0.5]
    if harmful and len(harmful) * WINDOW_CHARACTERS < MIN_DENSITY * characters:
        score = min(score, _JUST_BELOW_HALF)
    spans = merge_spans([span for window in (harmful or [best]) for span in window.spans])
    return HarmScore(category, score, spans), best.context


def _windows(category: str, evidence: list[Evidence], folded: Folded) -> list[_Window]:
    """Return the windows of one category from left to right; harmful ones do not overlap. Each begins at a hit."""
    lists = {category} if category not in COMMERCIAL else {category, "solicit"}
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
        score = _score_window(inside, sum(benign.values()))
        if score > 0:
            spans = tuple(folded.original_span(one.start, one.end) for one in inside)
            windows.append(_Window(score, spans, sum(benign.values())))
        if score >= 0.5:
            after = end
    return windows


def _score_window(evidence: list[Evidence], context: float) -> float:
    weights: dict[tuple[str, str], float] = {}
    for one in evidence:
        key = (one.sense.role, one.term)
        weights[key] = max(weights.get(key, 0.0), one.sense.weight)
    by_role: Counter[str] = Counter()
    for (role, _), weight in weights.items():
        by_role[role] += weight  # type: ignore[assignment]
    strong = sum(weight >= STRONG * HIDDEN_STILL_STRONG for (role, _), weight in weights.items() if role != "contact")
    topic, itself = by_role["topic"], by_role["act"] + by_role["offer"]
    contact = min(by_role["contact"], MAX_CONTACT)
    meant = itself > 0 or contact >= CONTACT_THAT_SELLS
    total = topic + itself + contact if meant else topic * TOPIC_ALONE
    total /= 1 + CONTEXT_WEIGHT * min(context, MAX_CONTEXT)
    if strong < MIN_STRONG_TERMS:
        total = min(total, 0.8 * EVIDENCE_AT_HALF)
    return total / (total + EVIDENCE_AT_HALF)


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
