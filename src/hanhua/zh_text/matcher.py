"""Finds the terms of a lexicon in a folded text, by daachorse over characters; spans are of the original."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import daachorse
import numpy as np

from hanhua.zh_text.folding import Folded, code_points, fold_joined


class Hit(NamedTuple):
    """One term found: its index in the lexicon, and [start, end) in the folded text."""

    term: int
    start: int
    end: int


class LexiconMatcher:
    """Finds every occurrence of every term, overlapping ones too, in one pass whatever the lexicon's size.

    Terms are folded as texts are, so a lexicon may be written in any spelling. A term that folds to
    nothing, or to the same as an earlier one, raises ValueError: one of the two would never be found.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        folded = _folded(terms)
        seen: dict[str, str] = {}
        for term, form in zip(terms, folded, strict=True):
            if not form:
                raise ValueError(f"the term {term!r} folds to nothing")
            if form in seen:
                raise ValueError(f"the terms {seen[form]!r} and {term!r} both fold to {form!r}")
            seen[form] = term
        self.terms, self.forms = tuple(terms), tuple(folded)
        self._automaton = daachorse.CharwiseDoubleArrayAhoCorasick(folded) if folded else None

    def find(self, folded: Folded) -> list[Hit]:
        """Return every hit, by end, then by start.

        >>> LexiconMatcher(["微信"]).find(fold("加 薇★信"))
        [Hit(term=0, start=1, end=3)]
        """
        return self.find_in(folded.text)

    def find_in(self, folded: str) -> list[Hit]:
        """Return every hit in a text that is folded, or in several of them, one after another."""
        if self._automaton is None:
            return []
        return [Hit(term, start, end) for start, end, term in self._automaton.find_overlapping(folded)]


def _folded(terms: Sequence[str]) -> list[str]:
    """Return each term folded, all in one go."""
    codes, _, starts = fold_joined(code_points("".join(terms)), np.cumsum([0, *map(len, terms)]))
    text = codes.tobytes().decode("utf-32-le", "surrogatepass")
    return [text[begin:end] for begin, end in pairwise(starts.tolist())]
