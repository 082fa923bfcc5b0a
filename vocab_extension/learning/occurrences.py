"""Where the tokens of several strings stand side by side, and what that says of each string; all strings at once.

What is the same for all places of a pair is kept once for each pair and looked up: reading from a short table takes a
tenth of the time of reading from all cells, and fewer arrays are cut when places are left out.

Shape suffixes: C strings that may be joined next, X pairs of tokens that spell them, P places where one stands;
T cells of a `TokenArray`, S strings of `CountedStrings`, V numbers of `Symbols`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hanhua.vocab_extension.learning.counts import CountedStrings
from hanhua.vocab_extension.learning.symbols import Bools, Ints, Symbols
from hanhua.vocab_extension.learning.token_array import TokenArray

_BUCKETS = 256


@dataclass(frozen=True)
class Joined:
    """A string made by joining two tokens, as it stood when it was the commonest.

    weight: what ranks it. count: occurrences in texts, inside longer tokens as well. documents: a 64-bit set of
    those texts. listed: whether a dictionary's words have it. straddling: share of its weight where it begins
    or ends inside a word and yet reaches into another one.
    """

    data: bytes
    weight: int
    count: int
    documents: int
    listed: bool
    straddling: float


@dataclass(frozen=True)
class Pairs:
    """X pairs. owner_X: the number of the string each spells. middle_X: cells of the left token; cells_X: of both."""

    owner_X: Ints
    left_X: Ints
    right_X: Ints
    middle_X: Ints
    cells_X: Ints

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int]], owner_X: Ints, cells_V: Ints) -> Pairs:
        """Make the table of pairs of numbers; cells_V: how many cells each number has."""
        left_X, right_X = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        middle_X = cells_V[left_X]
        return cls(owner_X, left_X, right_X, middle_X, middle_X + cells_V[right_X])

    def __len__(self) -> int:
        return len(self.owner_X)


@dataclass(frozen=True)
class Occurrences:
    """P places, in the order of the strings they belong to.

    pair_P: which pair stands there; at_P: the cell where its left token begins; string_P: the string it is in;
    weight_P: what that weighs.
    """

    pairs: Pairs
    pair_P: Ints
    at_P: Ints
    string_P: Ints
    weight_P: Ints

    def __len__(self) -> int:
        return len(self.at_P)

    @cached_property
    def owners(self) -> Ints:
        """The number of the string that stands there, ascending."""
        return self.pairs.owner_X.take(self.pair_P)

    @cached_property
    def middles(self) -> Ints:
        """The cell where the right token begins."""
        middle_P: Ints = self.at_P + self.pairs.middle_X.take(self.pair_P)
        return middle_P

    @cached_property
    def ends(self) -> Ints:
        """The cell after the right token."""
        end_P: Ints = self.at_P + self.pairs.cells_X.take(self.pair_P)
        return end_P

    def only(self, numbers: Ints) -> Occurrences:
        """Return some of the places, by their numbers."""
        columns = (self.pair_P, self.at_P, self.string_P, self.weight_P)
        return Occurrences(self.pairs, *(values.take(numbers) for values in columns))

    def renumbered(self, owner_C: Ints) -> Occurrences:
        """Return the places with the string n called owner_C[n], without those of strings called −1."""
        owner_X = owner_C[self.pairs.owner_X]
        named = replace(self, pairs=replace(self.pairs, owner_X=owner_X))
        return named if bool((owner_X >= 0).all()) else named.only(np.flatnonzero((owner_X >= 0).take(self.pair_P)))

    def begins(self, number: int) -> Ints:
        """Return where the places of each of so many strings begin, and where the last one's end."""
        return self.owners.searchsorted(np.arange(number + 1))

    def summed(self, value_P: Ints | Bools, number: int) -> Ints:
        """Sum a value of the places for each of so many strings."""
        sums_P = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(value_P, out=sums_P[1:])
        return np.diff(sums_P[self.begins(number)])


def united(first: Occurrences, second: Occurrences) -> Occurrences:
    """Return the places of both, in the order of their strings; places of one string keep their order."""
    tables = zip(vars(first.pairs).values(), vars(second.pairs).values(), strict=True)
    pairs = Pairs(*map(np.concatenate, tables))
    both = Occurrences(
        pairs,
        np.concatenate((first.pair_P, second.pair_P + len(first.pairs))),
        np.concatenate((first.at_P, second.at_P)),
        np.concatenate((first.string_P, second.string_P)),
        np.concatenate((first.weight_P, second.weight_P)),
    )
    return both.only(np.argsort(both.owners, kind="stable")) if len(second) else both


def without_overlaps(found: Occurrences) -> Occurrences:
    """Return the first, the third and so on of pairs of the same token that overlap; places of a pair are in order."""
    follows = np.zeros(len(found), dtype=bool)
    follows[1:] = (found.middles[:-1] == found.at_P[1:]) & (found.pair_P[1:] == found.pair_P[:-1])
    follows &= (found.pairs.left_X == found.pairs.right_X).take(found.pair_P)
    first = np.flatnonzero(~follows)
    place = np.arange(len(found)) - np.repeat(first, np.diff(np.append(first, len(found))))
    return found.only(np.flatnonzero(place % 2 == 0))


def disentangled(found: Occurrences) -> Occurrences:
    """Return the places of one string without those that need a token of an earlier pair's place."""
    used = np.zeros(0, dtype=np.int64)
    kept = [used]
    for numbers in np.split(np.arange(len(found)), np.flatnonzero(np.diff(found.pair_P)) + 1):
        at_P, middle_P = found.at_P[numbers], found.middles[numbers]
        free = ~(np.isin(at_P, used) | np.isin(middle_P, used))
        used = np.concatenate((used, at_P[free], middle_P[free]))
        kept.append(numbers[free])
    return found.only(np.concatenate(kept))


def describe(found: Occurrences, names: list[bytes], cells: TokenArray, counted: CountedStrings) -> list[Joined]:
    """Say what a join of each string would be; names: the C strings."""
    number = len(names)
    weight_C = found.summed(found.weight_P, number)
    listed_C = found.summed(counted.listed_S.take(found.string_P), number) > 0
    straddling_C = found.summed(found.weight_P * _straddles(cells, found.at_P, found.ends), number)
    documents_C = np.zeros(number, dtype=np.uint64)
    if len(found):
        begins = np.flatnonzero(np.diff(found.owners, prepend=-1))
        documents_P = counted.documents_S.take(found.string_P)
        documents_C[found.owners[begins]] = np.bitwise_or.reduceat(documents_P, begins)
    rows = zip(
        names,
        weight_C.tolist(),
        found.summed(counted.count_S.take(found.string_P), number).tolist(),
        documents_C.tolist(),
        listed_C.tolist(),
        (straddling_C / np.maximum(weight_C, 1)).tolist(),
        strict=True,
    )
    return [Joined(*row) for row in rows]


def _straddles(cells: TokenArray, at_P: Ints, end_P: Ints) -> Bools:
    """Return where [at, end) reaches over a word boundary without beginning and ending at one."""
    begins, ends = cells.begins_T.take(at_P), cells.begins_T.take(end_P)
    crosses = cells.words_T.take(end_P) - cells.words_T.take(at_P) > begins
    straddles: Bools = crosses & ~(begins & ends)
    return straddles


def greatest_new_weights(found: Occurrences, number: int, cells: TokenArray, symbols: Symbols) -> Ints:
    """Return for each string an upper bound of what any pair can weigh that joining it would bring about.

    The weights of its neighbors are summed in a few buckets, in which some neighbors meet: that takes no sorting.
    """
    bound_C = np.zeros(number, dtype=np.int64)
    pairs = found.pairs
    for at_P, before in ((found.at_P - 1, True), (found.ends, False)):
        neighbor_P = cells.symbol_T.take(at_P)
        room_X = symbols.room_beside(pairs.left_X, pairs.right_X, before=before)
        fits_P = symbols.fits(neighbor_P, room_X.take(found.pair_P), before=before)
        bucket_P = found.owners * _BUCKETS + neighbor_P % _BUCKETS
        sums = np.bincount(bucket_P, weights=found.weight_P * fits_P, minlength=number * _BUCKETS)
        bound_C = np.maximum(bound_C, sums.reshape(number, _BUCKETS).max(axis=1).astype(np.int64))
    return bound_C
