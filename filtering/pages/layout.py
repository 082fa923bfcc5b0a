"""How the beginnings of texts are laid out: what stands in each line, sentences, phrases between spaces, dates, prices.

Most characters are words of Chinese, so each question looks at the few places of one kind only.
Sizes are in brackets: D documents, C characters of all of them, L lines, K kinds of characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from hanhua.filtering.seeds import SPACES
from hanhua.zh_text.folding import Codes, code_points
from hanhua.zh_text.scripts import HAN

Counts = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.uint8]
Marks = npt.NDArray[np.bool_]

HEAD = 3000
"""Characters looked at: a page shows what it is by then, and a book costs no more than a page."""
MIN_SENTENCE, MAX_SENTENCE = 8, 150
"""Characters of a sentence that count; what no mark ends for longer is rather a table."""
MIN_PHRASE, MAX_PHRASE = 2, 20
"""Chinese characters of a phrase between spaces, as titles and labels are."""
LONG_NUMBER = 7
"""Digits in a row that are rather a telephone or account than an amount."""
KINDS = 12
# In this order the kinds that part phrases, and the spaces among them, are told by a comparison.
(HAN_WORD, FUNCTION, DIGIT, LATIN, JOINER, DOT, SPACE, LINK, FEED, END, COMMA, OTHER) = range(KINDS)
_CHARACTERS = {
    FUNCTION: "的了是在有和就不也这那我你他她它们都会要可以能而但与及或等被把让给从对为于之其所还又很没吗呢吧啊个着过",
    DIGIT: "0123456789０１２３４５６７８９",
    LATIN: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    END: "。！？!?；;",
    COMMA: "，,、",
    LINK: "_|｜>»›→【】★☆◆■●▪※＞—",
    JOINER: "-:/：",
    DOT: ".…．",
}
# The last is what `clip` reads for all beyond: rare Chinese characters.
_TABLE_SIZE = 0x32401
# Counts of a line side by side in one number, five in each: a line has at most `HEAD` characters.
_COUNTED, _EACH, _BITS = (HAN_WORD, FUNCTION, DIGIT, LATIN, JOINER, DOT, SPACE, LINK, END, COMMA), 5, 12
_YUAN, _HYPHEN, _BRACKET = ord("元"), ord("-"), ord("[")
_MONEY = (ord("￥"), ord("¥"))


@dataclass(frozen=True)
class Layout:
    """The beginnings of texts, one after another with a line feed behind each.

    codes, kinds [C]. lines [L + 1]: where each line begins, and the end. owners [L]: the text of each line.
    begins [D]: where each text begins.
    """

    codes: Codes
    kinds: Kinds
    lines: Counts
    owners: Counts
    begins: Counts

    @cached_property
    def by_line(self) -> Counts:
        """How many characters of each kind a line has [L, K]."""
        starts, found = self.lines[:-1], np.zeros((len(self.owners), KINDS), dtype=np.int64)
        for number, ones in enumerate(_ones()):
            sums = np.add.reduceat(ones.take(self.kinds), starts)
            for place in range(_EACH):
                found[:, _COUNTED[number * _EACH + place]] = sums >> _BITS * place & (1 << _BITS) - 1
        found[:, FEED] = 1
        found[:, OTHER] = np.diff(self.lines) - found.sum(axis=1)
        return found

    @cached_property
    def visible(self) -> Counts:
        """How many characters of a line are no white space [L]."""
        visible: Counts = np.diff(self.lines) - self.by_line[:, SPACE] - 1
        return visible

    @cached_property
    def first_lines(self) -> Counts:
        """The first line of each text [D]."""
        found: Counts = np.searchsorted(self.owners, np.arange(len(self.begins)))
        return found

    @cached_property
    def titles(self) -> Counts:
        """The first line of each text that holds something [D]; its first line where none does."""
        filled = np.flatnonzero(self.visible > 0)
        at = np.searchsorted(filled, self.first_lines)
        found = np.append(filled, -1)[at]
        inside = np.append(self.owners, -1)[found] == np.arange(len(self.begins))
        titles: Counts = np.where(inside, found, self.first_lines)
        return titles

    def per_text(self, values: Counts) -> npt.NDArray[np.float64]:
        """Return the sums of values of lines [V, L] over the lines of each text [V, D]."""
        sums: npt.NDArray[np.float64] = np.add.reduceat(values, self.first_lines, axis=1).astype(np.float64)
        return sums

    def line_of(self, places: Counts) -> Counts:
        """Return the line in which each of some places is."""
        found: Counts = np.searchsorted(self.lines, places, side="right") - 1
        return found

    def counts(self, places: Counts) -> Counts:
        """Return how many of some places each line has [L]."""
        return np.bincount(self.line_of(places), minlength=len(self.owners))

    def sentences(self) -> Counts:
        """Return how many characters of each line are in sentences that a mark ends [L]."""
        ends = self._places(END)
        lines = self.line_of(ends)
        begins = np.maximum(np.concatenate([[0], ends[:-1] + 1])[: len(ends)], self.lines[lines])
        lengths = ends - begins
        lengths = np.where(lengths >= MIN_SENTENCE, np.minimum(lengths, MAX_SENTENCE), 0)
        return np.bincount(lines, weights=lengths, minlength=len(self.owners)).astype(np.int64)

    def phrases(self) -> tuple[Counts, Counts]:
        """Return how many Chinese characters of each line are in phrases between spaces, and how many such phrases [L].

        A phrase that is a whole line is not one of them.
        """
        parts = np.flatnonzero(self.kinds >= SPACE)
        kinds = self.kinds[parts]
        spaced, feed = kinds <= FEED, kinds == FEED
        before = np.concatenate([[-1], parts[:-1]])
        fits = spaced & np.concatenate([[True], spaced[:-1]]) & ~(feed & np.concatenate([[True], feed[:-1]]))
        fits &= parts - before > MIN_PHRASE
        begins, ends = before[fits] + 1, parts[fits]
        others = np.flatnonzero(self.kinds - DIGIT <= DOT - DIGIT)
        inside = ends - begins - np.searchsorted(others, ends) + np.searchsorted(others, begins)
        fits = (inside >= MIN_PHRASE) & (inside <= MAX_PHRASE)
        lines = self.line_of(ends[fits])
        mass = np.bincount(lines, weights=inside[fits], minlength=len(self.owners)).astype(np.int64)
        return mass, np.bincount(lines, minlength=len(self.owners))

    def dates(self) -> Counts:
        """Return how often a joiner stands between two digits, as in dates and times [L]."""
        at = self._places(JOINER)
        return self.counts(at[(self._kind(at - 1) == DIGIT) & (self._kind(at + 1) == DIGIT)])

    def prices(self) -> Counts:
        """Return how many amounts of money each line names [L]."""
        at = np.flatnonzero(self.codes == _YUAN)
        signs = np.flatnonzero((self.codes == _MONEY[0]) | (self.codes == _MONEY[1]))
        return self.counts(np.concatenate([at[self._kind(at - 1) == DIGIT], signs]))

    def numbers(self) -> Counts:
        """Return how many telephones and accounts each line may name, or masks where they stood [L]."""
        digits = np.flatnonzero((self.kinds == DIGIT) | (self.codes == _HYPHEN))
        first = np.concatenate([[True], np.diff(digits) > 1])[: len(digits)]
        begun = digits[first]
        long = np.diff(np.append(np.flatnonzero(first), len(digits))) >= LONG_NUMBER
        masks = np.flatnonzero(self.codes == _BRACKET)
        masks = masks[(self._kind(masks + 1) == LATIN) & (self._kind(masks + 2) == LATIN)]
        return self.counts(np.concatenate([begun[long], masks]))

    @cached_property
    def dashes(self) -> Counts:
        """How many hyphens of each line stand behind Chinese, a space or a mark, as before a site's name [L]."""
        at = np.flatnonzero(self.codes == _HYPHEN)
        before = self._kind(at - 1)
        return self.counts(at[(before <= FUNCTION) | (before == SPACE) | (before == END)])

    def apart(self) -> Counts:
        """Return how many single Chinese characters between spaces each line has, as of words spelled apart [L]."""
        at = self._places(SPACE)
        return self.counts(at[(self._kind(at + 1) <= FUNCTION) & (self._kind(at + 2) == SPACE)])

    def cut_off(self) -> Counts:
        """Return how many ellipses each line has, of … or of dots [L]."""
        at = self._places(DOT)
        return self.counts(at[(self._kind(at + 1) == DOT) & (self._kind(at - 1) != DOT)])

    def _places(self, kind: int) -> Counts:
        return np.flatnonzero(self.kinds == kind)

    def _kind(self, places: Counts) -> Kinds:
        # Before the first character and behind the last is a line feed's place.
        return self.kinds.take(places, mode="clip")


def lay_out(texts: Sequence[str]) -> Layout:
    """Return the layout of the first `HEAD` characters of each text."""
    heads = [text[:HEAD] for text in texts]
    codes = code_points("\n".join([*heads, ""]))
    kinds = _kinds().take(codes, mode="clip")
    feeds = np.flatnonzero(kinds == FEED)
    lengths = np.array([len(head) + 1 for head in heads])
    ends = np.cumsum(lengths)
    return Layout(codes, kinds, np.concatenate([[0], feeds + 1]), np.searchsorted(ends - 1, feeds), ends - lengths)


@cache
def _kinds() -> Kinds:
    table = np.full(_TABLE_SIZE, OTHER, dtype=np.uint8)
    for match in re.finditer(f"[{HAN}]", "".join(map(chr, (*range(0x3000, 0xD800), *range(0xF900, 0x32400))))):
        table[ord(match[0])] = HAN_WORD
    table[code_points(SPACES)] = SPACE
    table[ord("\n")] = FEED
    for kind, characters in _CHARACTERS.items():
        table[code_points(characters)] = kind
    table[-1] = HAN_WORD
    return table


@cache
def _ones() -> list[Counts]:
    ones = np.zeros((len(_COUNTED) // _EACH, KINDS), dtype=np.int64)
    for number, kind in enumerate(_COUNTED):
        ones[number // _EACH, kind] = 1 << _BITS * (number % _EACH)
    return list(ones)
