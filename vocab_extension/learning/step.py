"""Which of the commonest strings can be joined at once, so that the result is that of joining one by one.

Shape suffixes: C strings in the order they would be joined in; P places where one stands; X pairs of places that want
the same token.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from hanhua.vocab_extension.learning.occurrences import Occurrences
from hanhua.vocab_extension.learning.symbols import Bools, Ints


@dataclass(frozen=True)
class SharedTokens:
    """Places of different strings that want the same token, in the order of the later string.

    later_X, earlier_X: the strings; place_X: the later one's place. counts_P: whether a place stands for the pair that
    ranks its string, weight_P: with what weight. tangled: strings whose own places overlap.
    """

    later_X: Ints
    earlier_X: Ints
    place_X: Ints
    counts_P: Bools
    weight_P: Ints
    tangled: frozenset[int]

    @classmethod
    def of(cls, found: Occurrences, counts_P: Bools, weight_P: Ints) -> SharedTokens:
        """Find them. A token is the left one of one pair and the right one of another, so no more than two want it."""
        bits = len(found).bit_length()
        place_P = np.arange(len(found))
        claims = np.concatenate((found.at_P << bits | place_P, found.middles << bits | place_P))
        claims.sort()
        same = np.flatnonzero(claims[1:] >> bits == claims[:-1] >> bits)
        mask = (1 << bits) - 1
        # Places are in the order of their strings.
        earlier, later = np.sort(np.stack((claims[same] & mask, claims[same + 1] & mask)), axis=0)
        itself = found.owners[earlier] == found.owners[later]
        tangled = frozenset(found.owners[later[itself]].tolist())
        later, earlier = later[~itself], earlier[~itself]
        order = np.argsort(later, kind="stable")
        later, earlier = later[order], earlier[order]
        return cls(found.owners[later], found.owners[earlier], later, counts_P, weight_P, tangled)

    def taken_from(self, string: int, accepted_C: Bools) -> tuple[int, bool]:
        """Return how much of a string's weight the accepted ones take, and whether they take any place of it."""
        begin, end = self.later_X.searchsorted(string), self.later_X.searchsorted(string, side="right")
        if begin == end:
            return 0, False
        places = np.unique(self.place_X[begin:end][accepted_C[self.earlier_X[begin:end]]])
        return int(self.weight_P[places[self.counts_P[places]]].sum()), len(places) > 0


@dataclass
class Step:
    """C strings in the order of their weights, decided on from the first until one depends on what was decided.

    weights: of the pair that ranks each. greatest_new: an upper bound of the weights of pairs that joining each
    brings about. A string that loses some of its weight to an accepted one is put off: it comes after those that weigh
    more than what it keeps. What a repeated token (四四) keeps is not known: where the first two of 四四四 are taken
    apart, the last two come together, and it loses nothing.
    """

    names: list[bytes]
    weights: list[int]
    greatest_new: list[int]
    places: SharedTokens
    accepted: dict[int, bytes] = field(default_factory=dict)
    _at: int = 0
    _put_off: list[int] = field(default_factory=list)
    _made: set[bytes] = field(default_factory=set)
    _barrier: int = 0

    def __post_init__(self) -> None:
        self._accepted_C = np.zeros(len(self.names), dtype=bool)

    @property
    def is_tangled(self) -> bool:
        """Whether what was accepted is one string that overlaps itself."""
        return 0 in self.places.tangled

    @property
    def is_over(self) -> bool:
        """Whether none is left but what was put off."""
        return self._at >= len(self.names)

    def next(self, room: int) -> int | None:
        """Return the string to decide on; None when it may not be what it would be if all were joined one by one.

        room: how many may be accepted in all.
        """
        while not self.is_over and len(self.accepted) < room:
            at, weight = self._at, self.weights[self._at]
            if at == 0:
                return at
            if self.is_tangled or at in self.places.tangled or weight <= self._barrier:
                return None
            if self.names[at] in self._made:  # a token by now, so this pair is never joined
                self._at += 1
                continue
            lost, touched = self.places.taken_from(at, self._accepted_C)
            if lost and not _is_repeated(self.names[at]):
                self._barrier = max(self._barrier, weight - lost)
                self._put_off.append(at)
                self._at += 1
            else:
                return None if touched or self._has_new_cut(self.names[at]) else at
        return None

    def decide(self, at: int, *, accept: bool) -> None:
        """Note what became of the string that `next` named."""
        if accept:
            self.accepted[at] = self.names[at]
            self._accepted_C[at] = True
            self._made.add(self.names[at])
            self._barrier = max(self._barrier, self.greatest_new[at])
        self._at = at + 1

    def undecided(self) -> Iterator[int]:
        """Yield the strings that must be looked at again."""
        yield from self._put_off
        yield from range(self._at, len(self.names))

    def new_numbers(self) -> Ints:
        """Return the place of each string among the accepted ones, −1 for the others."""
        numbers = np.full(len(self.names), -1, dtype=np.int64)
        numbers[list(self.accepted)] = np.arange(len(self.accepted))
        return numbers

    def _has_new_cut(self, name: bytes) -> bool:
        made = self._made
        return any(name[:at] in made or name[at:] in made for at in range(1, len(name)))


def _is_repeated(name: bytes) -> bool:
    half = len(name) // 2
    return name[:half] == name[half:]
