"""The terms of a lexicon in several texts at once: by how they begin, then the few places one by one.

An automaton reads every character of every text; here nearly all characters are passed over by one look into a table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from hanhua.filtering.joined import Joined
from hanhua.filtering.seeds import Seeds
from hanhua.zh_text.matcher import Hit


class TermFinder:
    """Finds every occurrence of every term, as `LexiconMatcher.find_in` does, in texts that are judged together.

    search: finds the same in one text; it is asked where there are few, whose look into the table would cost more.
    """

    def __init__(self, terms: Sequence[str], search: Callable[[str], Iterable[Hit]]) -> None:
        self._search, self._seeds = search, Seeds(terms)
        begun: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for number, term in enumerate(terms):
            begun[term[:3]].append((term, number))
        self._terms = [tuple(begun[seed]) for seed in self._seeds.seeds]

    def find(self, texts: Joined, *, head: int | None = None) -> list[list[Hit]]:
        """Return the hits in each text, or in so many first characters of it, by end, then by start."""
        if texts.few:
            beginnings = texts if head is None else texts.cut([min(end - begin, head) for begin, end in texts.bounds])
            return beginnings.find(self._search)
        found: list[list[Hit]] = [[] for _ in texts.bounds]
        places, seeds = self._seeds.places(texts)
        text, owners = texts.text, texts.owners(places)
        for place, seed, owner in zip(places.tolist(), seeds.tolist(), owners.tolist(), strict=True):
            begin, end = texts.bounds[owner]
            if head is not None:
                end = min(end, begin + head)
            for term, number in self._terms[seed]:
                if text.startswith(term, place, end):
                    found[owner].append(Hit(number, place - begin, place - begin + len(term)))
        for hits in found:
            if len(hits) > 1:
                hits.sort(key=lambda hit: (hit.end, hit.start))
        return found
