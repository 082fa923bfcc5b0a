"""Hits of the lexicon that count as evidence, after a look at what stands around each.

A hit of a disguised spelling (`disguise`) counts less than the word itself.

A hit is dropped when it lies in a harmless phrase, when it cuts a word in two (营利性|服务), or when ordinary
marks part it (…性。交易…), unless marks part all of it, which is how words are hidden (百/家/乐).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise

from hanhua.filtering.harm.disguise import DisguiseMatcher, split_spellings
from hanhua.filtering.harm.lexicon import Lexicon, Sense
from hanhua.filtering.joined import Joined
from hanhua.filtering.terms import TermFinder
from hanhua.zh_text.folding import Folded
from hanhua.zh_text.matcher import Hit, LexiconMatcher
from hanhua.zh_text.scripts import is_han
from hanhua.zh_text.segmentation import segment

MAX_CHECKED_CHARACTERS = 3
MIN_HIDDEN_WEIGHT = 2.0
# Parts of characters seldom meet by chance, syllables now and then, initials often.
SPLIT_SHARE, HOMOPHONE_SHARE, INITIALS_SHARE = 1.0, 0.75, 0.4
_CONTEXT = 12
_CLAUSE_MARKS = frozenset("，。！？；：、,!?;:\n…）)」』”》")


@dataclass(frozen=True)
class Evidence:
    """One hit that counts, [start, end) in the folded text, and what it means."""

    start: int
    end: int
    term: str
    sense: Sense


class EvidenceFinder:
    """Finds evidence in folded texts. disguised: look for split characters and homophones too."""

    def __init__(self, lexicon: Lexicon, *, disguised: bool = False) -> None:
        self._lexicon = lexicon
        self._terms = tuple(lexicon.senses)
        self._senses = list(lexicon.senses.values())
        meant = [i for i, senses in enumerate(self._senses) if disguised and any(map(_hides, senses))]
        split = {form: i for i in meant for form in split_spellings(self._terms[i]) if form not in lexicon.senses}
        self._split_of = dict(enumerate(split.values(), len(self._terms)))
        self._matcher = LexiconMatcher([*self._terms, *split])
        self._finder = TermFinder(self._matcher.forms, self.hits)
        self._disguises = DisguiseMatcher((i, self._terms[i]) for i in meant)

    def hits_of_each(self, folded: Joined) -> list[list[Hit]]:
        """Return the hits in each of several texts, at less cost."""
        return self._finder.find(folded)

    def homophones_of_each(self, folded: Joined, *, longest: int) -> list[list[Hit]]:
        """Return the homophones in each of several texts, at less cost; none in texts longer than that."""
        short = folded.cut([n if n <= longest else 0 for n in (end - begin for begin, end in folded.bounds)])
        return short.find(self.homophones) if short.few else self._disguises.homophones_of_each(short, self._terms)

    def hits(self, folded: str) -> list[Hit]:
        """Return every hit of the words as they are or split, unchecked: cheap, and for most texts enough."""
        return self._matcher.find_in(folded)

    def homophones(self, folded: str) -> list[Hit]:
        """Return every hit of what sounds like a word of three characters or more, unchecked."""
        return self._disguises.homophones(folded, self._terms)

    def senses(self, hit: Hit) -> tuple[Sense, ...]:
        """Return what a hit means in each list that has it."""
        return self._senses[self._split_of.get(hit.term, hit.term)]

    def evidence(self, text: str, folded: Folded) -> list[Evidence]:
        """Return the evidence of terms and patterns, by start; word boundaries are left to `whole_words`."""
        found = list(self._of_terms(text, folded, self.hits(folded.text)))
        for hit in self.homophones(folded.text):
            found += self._disguised(text, folded, hit, HOMOPHONE_SHARE)
        for hit in self._disguises.initials(folded):
            found += self._disguised(text, folded, hit, INITIALS_SHARE)
        for pattern in self._lexicon.patterns:
            for match in pattern.regex.finditer(folded.text):
                if not _splits_latin(folded, match.start()):
                    found.append(Evidence(*match.span(), pattern.regex.pattern, pattern.sense))
        return sorted(found, key=lambda e: (e.start, e.end, e.term))

    def _of_terms(self, text: str, folded: Folded, hits: list[Hit]) -> Iterator[Evidence]:
        harmless = [hit for hit in hits if self.senses(hit)[0].role == "exception"]
        for hit in hits:
            senses = [sense for sense in self.senses(hit) if sense.role != "exception"]
            if not senses or any(one.start <= hit.start and hit.end <= one.end for one in harmless):
                continue
            if not _is_parted_oddly_or_not(text, folded, hit):
                continue
            # `ag` in `flag`.
            if _splits_latin(folded, hit.start) or _splits_latin(folded, hit.end):
                continue
            if hit.term in self._split_of:
                yield from self._disguised(text, folded, hit, SPLIT_SHARE)
            else:
                yield from (Evidence(hit.start, hit.end, self._terms[hit.term], sense) for sense in senses)

    def _disguised(self, text: str, folded: Folded, hit: Hit, share: float) -> Iterator[Evidence]:
        if _is_parted_oddly_or_not(text, folded, hit):
            term = self._terms[self._split_of.get(hit.term, hit.term)]
            for sense in filter(_hides, self.senses(hit)):
                yield Evidence(hit.start, hit.end, term, replace(sense, weight=sense.weight * share))


def _hides(sense: Sense) -> bool:
    """Return whether spam has reason to disguise such a word."""
    return sense.role in ("topic", "act", "offer") and sense.weight >= MIN_HIDDEN_WEIGHT


def _is_parted_oddly_or_not(text: str, folded: Folded, hit: Hit) -> bool:
    """Return False when a clause ends inside the hit, without all its characters being parted."""
    where = folded.offsets[hit.start : hit.end].tolist()
    if where[-1] - where[0] == len(where) - 1:
        return True
    gaps = [text[a + 1 : b] for a, b in pairwise(where)]
    if all(gaps):
        return True
    # `b bin` is no bbin: in Latin letters a space is a boundary, not a disguise.
    if any(gap and _splits_latin(folded, hit.start + i + 1, joined_only=False) for i, gap in enumerate(gaps)):
        return False
    return not any(mark in gap for gap in gaps for mark in _CLAUSE_MARKS)


def whole_words(folded: Folded, evidence: Iterable[Evidence]) -> list[Evidence]:
    """Return the evidence without what begins or ends within a word of the text around it.

    Segmented with jieba's dictionary alone, and jieba always: this decides what a corpus holds. It costs
    more than all the rest, so it is asked only where the evidence would otherwise be enough.
    """
    return [one for one in evidence if one.sense.role == "benign" or not _cuts_a_word(folded, one)]


def _cuts_a_word(folded: Folded, hit: Evidence) -> bool:
    term = folded.text[hit.start : hit.end]
    if len(term) > MAX_CHECKED_CHARACTERS or not is_han(term):
        return False
    begin = max(0, hit.start - _CONTEXT)
    window = folded.text[begin : hit.end + _CONTEXT]
    cuts = _cuts(window)
    return hit.start - begin not in cuts or hit.end - begin not in cuts


@lru_cache(maxsize=1 << 12)
def _cuts(window: str) -> frozenset[int]:
    """Return where jieba cuts a text; advertisements say the same again and again."""
    return frozenset(accumulate(map(len, segment(window, engine="jieba", new_words=False)), initial=0))


def _splits_latin(folded: Folded, at: int, *, joined_only: bool = True) -> bool:
    """Return whether there are Latin letters on both sides of `at`, side by side in the original."""
    if not 0 < at < len(folded.text):
        return False
    before, after = folded.text[at - 1], folded.text[at]
    if not (before.isascii() and after.isascii() and before.isalpha() and after.isalpha()):
        return False
    return not joined_only or int(folded.offsets[at]) - int(folded.offsets[at - 1]) == 1
