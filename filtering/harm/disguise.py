"""The spellings in which spam hides the words of a lexicon, beyond what folding already undoes.

拆字: a character written as its parts (女干 for 奸); by a table, as further strings for the same matcher. Homophones:
a term of three characters or more said alike but written otherwise (白加乐 for 百家乐), found in the pinyin of the
text. Initials: such a term as the first letters of its syllables (bjl). What is found so counts less than the
word itself, and initials count only together with other evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

import daachorse

from hanhua.filtering.joined import Joined
from hanhua.filtering.terms import TermFinder
from hanhua.zh_text.folding import Folded, fold
from hanhua.zh_text.matcher import Hit
from hanhua.zh_text.pinyin import readings, syllable_codes, syllable_text
from hanhua.zh_text.scripts import is_han

MIN_HOMOPHONE_CHARACTERS = 3
MIN_INITIALS = 3
_LATIN_WORD = re.compile("[a-z]+")


@cache
def splits() -> dict[str, tuple[str, ...]]:
    """Return the split spellings of each character that has some, folded.

    >>> splits()["奸"]
    ('女干',)
    """
    text = files("hanhua.filtering.harm").joinpath("splits.txt").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {character: tuple(fold(form).text for form in forms) for character, *forms in lines}


def split_spellings(term: str) -> Iterator[str]:
    """Yield the spellings of a folded term with one character split, and with all that can be.

    >>> list(split_spellings("赌钱"))[:2]
    ['贝者钱', '赌钅戋']
    """
    table = splits()
    seen = {term}
    whole = "".join(table[c][0] if c in table else c for c in term)
    for at, character in enumerate(term):
        for form in table.get(character, ()):
            spelling = term[:at] + form + term[at + 1 :]
            if spelling not in seen:
                seen.add(spelling)
                yield spelling
    if whole not in seen:
        yield whole


def initials(term: str) -> str:
    """Return the first letters of a term's syllables; empty when it has a character without a reading.

    >>> initials("百家乐")
    'bjl'
    """
    table = readings()
    return "".join(table[c][0] for c in term) if all(c in table for c in term) else ""


class DisguiseMatcher:
    """Finds terms by sound and by initials; a hit's term is its index in the terms given."""

    def __init__(self, terms: Iterable[tuple[int, str]]) -> None:
        self._by_sound: dict[str, int] = {}
        self._by_initials: dict[str, int] = {}
        for index, term in terms:
            if len(term) >= MIN_HOMOPHONE_CHARACTERS and is_han(term):
                self._by_sound.setdefault(syllable_text(term), index)
                letters = initials(term)
                if len(letters) >= MIN_INITIALS:
                    self._by_initials.setdefault(letters, index)
        sounds = list(self._by_sound)
        self._indices = [self._by_sound[sound] for sound in sounds]
        self._automaton = daachorse.CharwiseDoubleArrayAhoCorasick(sounds) if sounds else None
        self._finder = TermFinder(sounds, self._sounding)

    def homophones_of_each(self, folded: Joined, terms: tuple[str, ...]) -> list[list[Hit]]:
        """Return `homophones` of each of several texts, at less cost."""
        found = self._finder.find(Joined(syllable_codes(folded.codes), folded.starts))
        for (begin, _), hits in zip(folded.bounds, found, strict=True):
            hits[:] = self._disguised(hits, folded.text[begin : begin + hits[-1].end] if hits else "", terms)
        return found

    def homophones(self, folded: str, terms: tuple[str, ...]) -> list[Hit]:
        """Return the places that sound like a term, are not it, and have one of its characters in place."""
        return self._disguised(self._sounding(syllable_text(folded)), folded, terms)

    def _sounding(self, sounds: str) -> list[Hit]:
        """Return the places of a text of syllables that are a term's, which the text as it is may be too."""
        if self._automaton is None:
            return []
        return [Hit(number, start, end) for start, end, number in self._automaton.find_overlapping(sounds)]

    def _disguised(self, sounding: Iterable[Hit], folded: str, terms: tuple[str, ...]) -> list[Hit]:
        found: list[Hit] = []
        for number, start, end in sounding:
            index = self._indices[number]
            said, term = folded[start:end], terms[index]
            if said != term and any(a == b for a, b in zip(said, term, strict=True)):
                found.append(Hit(index, start, end))
        return found

    def initials(self, folded: Folded) -> list[Hit]:
        """Return the Latin words that are a term's initials."""
        words = ((self._by_initials.get(word[0]), *word.span()) for word in _LATIN_WORD.finditer(folded.text))
        return [Hit(index, start, end) for index, start, end in words if index is not None]
