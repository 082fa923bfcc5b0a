"""How often words of each group stand in texts: two to four folded characters, looked up in one table for all texts.

A search by automaton costs more than all other features of a page together, since pages are full of such words.
Sizes are in brackets: D documents, C characters of all of them, G groups, W words found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from hanhua.filtering.joined import Joined, starts_of
from hanhua.zh_text.folding import Codes, code_points

MIN_WORD, MAX_WORD = 2, 4
_FACTOR = np.uint16(0x9E37)
_BITS = np.uint64(16)
# Words are of the basic plane, so four characters fit into a key.
_PLANE = 1 << 16
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """Words found [W]: where each begins in its text, which it is, of which group, in which text."""

    places: Counts
    words: Counts
    groups: Counts
    texts: Counts

    def before(self, end: int) -> Found:
        """Return those that begin before some place of their text."""
        kept = self.places < end
        return Found(self.places[kept], self.words[kept], self.groups[kept], self.texts[kept])


class WordGroups:
    """Words by group, with tables by which they are found."""

    def __init__(self, groups: dict[str, list[str]]) -> None:
        self.names, self.words = tuple(groups), groups
        self._begins = np.zeros(_PLANE, dtype=np.uint8)
        self._keys: dict[int, npt.NDArray[np.uint64]] = {}
        self._numbers: dict[int, Counts] = {}
        self._firsts = starts_of(list(map(len, groups.values())))
        self._group_of = np.repeat(np.arange(len(groups)), np.diff(self._firsts))
        all_words = [word for words in groups.values() for word in words]
        for size in range(MIN_WORD, MAX_WORD + 1):
            numbers = [number for number, word in enumerate(all_words) if len(word) == size]
            codes = code_points("".join(all_words[number] for number in numbers)).reshape(-1, size)
            self._begins[_hashes(codes[:, 0], codes[:, 1])] |= 1 << size
            keys = _keys(list(codes.T))
            order = np.argsort(keys)
            self._keys[size], self._numbers[size] = keys[order], np.array(numbers, dtype=np.int64)[order]

    def find(self, texts: Joined) -> Found:
        """Return where words stand in the texts; overlapping ones too."""
        codes = texts.codes
        begins = self._begins.take(_hashes(codes[:-1], codes[1:]))
        places = np.flatnonzero(begins)
        begins, ends = begins[places], texts.starts[1:][texts.owners(places)]
        found, words = [], []
        for size, keys in self._keys.items():
            at = places[(begins & (1 << size) > 0) & (places + size <= ends)]
            asked = _keys([codes[at + further] for further in range(size)])
            number = np.searchsorted(keys, asked)
            same = keys.take(number, mode="clip") == asked
            found.append(at[same])
            words.append(self._numbers[size][number[same]])
        at, word = np.concatenate(found), np.concatenate(words)
        owners = texts.owners(at)
        return Found(at - texts.starts[owners], word, self._group_of.take(word), owners)

    def count(self, found: Found, texts: int) -> tuple[Counts, Counts]:
        """Return how many words of each group are in each text, and how many different ones [D, G]."""
        words = int(self._firsts[-1])
        there = np.zeros(texts * words, dtype=bool)
        there[found.texts * words + found.words] = True
        text, word = np.divmod(np.flatnonzero(there), words)
        return self.totals(found, texts), self._table(text, self._group_of.take(word), texts)

    def totals(self, found: Found, texts: int) -> Counts:
        """Return how many words of each group are in each text [D, G]."""
        return self._table(found.texts, found.groups, texts)

    def _table(self, texts: Counts, groups: Counts, count: int) -> Counts:
        cells = np.bincount(texts * len(self.names) + groups, minlength=count * len(self.names))
        return cells.reshape(count, len(self.names))


@cache
def word_groups() -> WordGroups:
    """Return the groups of `words.txt`. Raises ValueError where a word is in two of them, or none can be found."""
    groups: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    name = ""
    for line in files("hanhua.filtering.pages").joinpath("words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line[1:].split("]")[0]
            groups[name] = []
        elif not line.startswith("#"):
            for word in line.split():
                if word in seen or not MIN_WORD <= len(word) <= MAX_WORD:
                    raise ValueError(f"words.txt: {word!r} in [{name}]: {seen.get(word, 'too short or long')}")
                seen[word] = name
                groups[name].append(word)
    return WordGroups(groups)


def _hashes(firsts: Codes, seconds: Codes) -> npt.NDArray[np.uint16]:
    hashes: npt.NDArray[np.uint16] = firsts.astype(np.uint16) * _FACTOR + seconds.astype(np.uint16)
    return hashes


def _keys(columns: list[Codes]) -> npt.NDArray[np.uint64]:
    # What lies beyond the plane gives some key, of no word in all but 2^-48 of the cases.
    keys = columns[0].astype(np.uint64)
    for one in columns[1:]:
        keys = keys << _BITS ^ one
    return keys
