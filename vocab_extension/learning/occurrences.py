"""Where the tokens of several strings stand side by side, and what that says of each string; all strings at once.

Shape suffixes: C strings that may be joined next, P places where the two tokens of one stand, K pairs;
T cells of a `TokenArray`, S strings of `CountedStrings`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hanhua.vocab_extension.learning.counts import CountedStrings
from hanhua.vocab_extension.learning.pair_index import index_pairs
from hanhua.vocab_extension.learning.symbols import CUT, Bools, Ints, Symbols
from hanhua.vocab_extension.learning.token_array import TokenArray


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
class Occurrences:
    """P places, in the order of the strings they belong to.

    owner_P: the number of the string; at_P: the cell where its left token begins, middle_P where the right one does,
    end_P the cell after. left_P, right_P: the tokens.
    """

    owner_P: Ints
    at_P: Ints
    middle_P: Ints
    end_P: Ints
    left_P: Ints
    right_P: Ints

    def __len__(self) -> int:
        return len(self.at_P)

    def only(self, kept_P: npt.NDArray[np.bool_] | Ints) -> Occurrences:
        """Return some of the places."""
        return Occurrences(*(values[kept_P] for values in vars(self).values()))

    def renumbered(self, owner_C: Ints) -> Occurrences:
        """Return the places with the string n called owner_C[n], without those of strings called −1."""
        owner_P = owner_C[self.owner_P]
        kept = Occurrences(owner_P, *list(vars(self).values())[1:])
        return kept if not len(owner_C) or owner_C.min() >= 0 else kept.only(owner_P >= 0)


def united(parts: list[Occurrences]) -> Occurrences:
    """Return the places of several in one, in the order of their strings; places of one string keep their order."""
    joined = Occurrences(*(np.concatenate(values) for values in zip(*(vars(p).values() for p in parts), strict=True)))
    return joined if len(parts) == 1 else joined.only(np.argsort(joined.owner_P, kind="stable"))


def without_overlaps(found: Occurrences) -> Occurrences:
    """Return the first, the third and so on of pairs of the same token that overlap; places of a pair are in order."""
    follows = np.zeros(len(found), dtype=bool)
    follows[1:] = (found.middle_P[:-1] == found.at_P[1:]) & (found.owner_P[1:] == found.owner_P[:-1])
    follows &= found.left_P == found.right_P
    first = np.flatnonzero(~follows)
    place = np.arange(len(found)) - np.repeat(first, np.diff(np.append(first, len(found))))
    return found.only(place % 2 == 0)


def disentangled(found: Occurrences) -> Occurrences:
    """Return the places of one string without those that need a token of an earlier pair's place."""
    changes = np.flatnonzero(np.diff(found.left_P) | np.diff(found.right_P)) + 1
    used = np.zeros(0, dtype=np.int64)
    kept = [found.only(np.zeros(0, dtype=np.int64))]
    for numbers in np.split(np.arange(len(found)), changes):
        part = found.only(numbers)
        part = part.only(~(np.isin(part.at_P, used) | np.isin(part.middle_P, used)))
        used = np.concatenate((used, part.at_P, part.middle_P))
        kept.append(part)
    return united(kept)


def describe(found: Occurrences, names: list[bytes], cells: TokenArray, counted: CountedStrings) -> list[Joined]:
    """Say what a join of each string would be; names: the C strings."""
    number = len(names)
    string_P, owner_P = cells.string_T[found.at_P], found.owner_P
    weight_P = counted.weight_S[string_P]
    weight_C = _summed(owner_P, weight_P, number)
    count_C = _summed(owner_P, counted.count_S[string_P], number)
    listed_C = np.bincount(owner_P[counted.listed_S[string_P]], minlength=number) > 0
    straddling_C = _summed(owner_P, weight_P * _straddles(cells, found.at_P, found.end_P), number)
    documents_C = np.zeros(number, dtype=np.uint64)
    if len(found):
        begins = np.flatnonzero(np.diff(owner_P, prepend=-1))
        documents_C[owner_P[begins]] = np.bitwise_or.reduceat(counted.documents_S[string_P], begins)
    rows = zip(
        names,
        weight_C.tolist(),
        count_C.tolist(),
        documents_C.tolist(),
        listed_C.tolist(),
        (straddling_C / np.maximum(weight_C, 1)).tolist(),
        strict=True,
    )
    return [Joined(*row) for row in rows]


def _summed(owner_P: Ints, value_P: Ints, number: int) -> Ints:
    """Sum whole numbers by string; exact below 2^53, where a corpus has 10^13 characters."""
    return np.bincount(owner_P, weights=value_P, minlength=number).astype(np.int64)


def _straddles(cells: TokenArray, at_P: Ints, end_P: Ints) -> Bools:
    """Return where [at, end) reaches over a word boundary without beginning and ending at one."""
    begins, ends = cells.begins_T[at_P], cells.begins_T[end_P]
    crosses = cells.words_T[end_P] - cells.words_T[at_P] > begins
    straddles: Bools = crosses & ~(begins & ends)
    return straddles


def greatest_new_weights(
    found: Occurrences, number: int, cells: TokenArray, counted: CountedStrings, symbols: Symbols
) -> Ints:
    """Return for each string an upper bound of what any pair can weigh that joining it would bring about."""
    bound_C = np.zeros(number, dtype=np.int64)
    for neighbor_P, before in ((cells.symbol_T[found.at_P - 1], True), (cells.symbol_T[found.end_P], False)):
        fits = symbols.may_stand_beside(found.left_P, found.right_P, neighbor_P, before=before)
        at = np.flatnonzero((neighbor_P > CUT) & fits)
        index = index_pairs(found.owner_P[at], neighbor_P[at].astype(np.int64), at)
        if len(index.key_K):
            weight_P = counted.weight_S[cells.string_T[found.at_P[index.positions_P]]]
            owner_K = found.owner_P[index.positions_P[index.begin_K[:-1]]]
            np.maximum.at(bound_C, owner_K, np.add.reduceat(weight_P, index.begin_K[:-1]))
    return bound_C
