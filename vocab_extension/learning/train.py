"""Continued BPE over cells: join the commonest pair of neighbors again and again, where the base's merges stopped.

What may not become a token is never joined, rather than dropped afterwards, so that nothing is ever built on it
and its neighbors find other ways to join.

A pair's count only falls after its tokens are made: later merges take occurrences away and never add any. So the
greatest count in the queue is an upper bound, and a pair is counted again only when it comes to the top: if
its true count is lower it goes back, otherwise it is the commonest of all.

Some dozens are joined at a time, and the result is that of one at a time. The commonest pairs are taken together as
far as none can change what the next ones are: they share no token at any place, and no pair that the earlier ones
bring about can weigh as much as a later one.

Shape suffixes: T cells, C strings to join next, P places where a pair stands, K different pairs, S strings,
V numbers of symbols, N of them new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hanhua.progress import Progress
from hanhua.vocab_extension.learning.counts import CountedStrings
from hanhua.vocab_extension.learning.occurrences import (
    Joined,
    Occurrences,
    describe,
    disentangled,
    greatest_new_weights,
    united,
    without_overlaps,
)
from hanhua.vocab_extension.learning.pair_index import KEY_BITS, PairIndex, PairQueue, index_pairs, parts_of
from hanhua.vocab_extension.learning.step import SharedTokens, Step
from hanhua.vocab_extension.learning.symbols import CUT, Ints, Symbols
from hanhua.vocab_extension.learning.token_array import TokenArray

_INSIDE = -1
_PERCENT = 100
_LEAST_WIDTH, _MOST_WIDTH = 8, 256

Fault = Callable[[Joined], "str | None"]
"""Says why a string may not become a token; None when it may."""
Pair = tuple[int, int]


@dataclass
class ContinuedBpe:
    """The state of the search.

    min_weight: pairs below it are forgotten. boundary_discount_percent: how much less an occurrence weighs that
    joins two words (100: such pairs are never joined). max_together: strings looked at in one step.
    """

    cells: TokenArray
    counted: CountedStrings
    symbols: Symbols
    min_weight: int
    boundary_discount_percent: int = 0
    max_together: int = _MOST_WIDTH
    joined: list[Joined] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    _queue: PairQueue = field(default_factory=PairQueue)
    _indexes: list[PairIndex] = field(default_factory=list)
    _index_of: dict[int, int] = field(default_factory=dict)
    """Which index has the pairs of a number with those made before it; those of base tokens are all in one."""

    def __post_init__(self) -> None:
        symbol_T = self.cells.symbol_T
        at_P = np.flatnonzero((symbol_T[:-1] != CUT) & (symbol_T[1:] != CUT)).astype(np.int32)
        self._remember([CUT], index_pairs(symbol_T[at_P], symbol_T[at_P + 1], at_P))

    def join_forced(self, strings: Iterable[bytes]) -> None:
        """Join strings whatever their count, as they come; each must be two tokens at its turn, or it is left out."""
        for data in strings:
            cuts = list(self.symbols.splits(data))
            if cuts and data not in self.symbols:
                found = self._live(cuts, np.zeros(len(cuts), dtype=np.int64))
                self._adopt(describe(found, [data], self.cells, self.counted), [cuts], disentangled(found))

    def join_commonest(self, number: int, fault: Fault) -> None:
        """Join the commonest strings without fault, until `number` are joined in all, or none is left."""
        width = _LEAST_WIDTH
        with Progress("joining", total=number, unit="tokens", done=len(self.joined)) as bar:
            while len(self.joined) < number and self._queue:
                before = len(self.joined)
                all_done = self._join_together(min(width, self.max_together), number, fault)
                # As many as depend on nothing; looking at more than are joined is work done twice.
                width = min(2 * width, _MOST_WIDTH) if all_done else max(len(self.joined) - before, _LEAST_WIDTH)
                bar.advance(len(self.joined) - before)

    def _join_together(self, width: int, number: int, fault: Fault) -> bool:
        """Join the first strings, as far as they do not depend on one another; return whether that was all of them."""
        first, found = self._first(width)
        if not first:
            return True
        cuts, found = self._with_other_cuts([parts_of(key) for _, key in first], found)
        names = [self._product(*pairs[0]) for pairs in cuts]
        described = describe(found, names, self.cells, self.counted)
        new_C = greatest_new_weights(found, len(names), self.cells, self.counted, self.symbols)
        is_first_P = np.array([pairs[0] for pairs in cuts])[found.owner_P, 0] == found.left_P
        places = SharedTokens.of(found, is_first_P, self._weights(found))
        step = Step(names, [weight for weight, _ in first], new_C.tolist(), places)
        while (at := step.next(number - len(self.joined))) is not None:
            reason = fault(described[at])
            step.decide(at, accept=reason is None)
            if reason is not None:
                self.dropped[reason] += 1
        for n in step.undecided():
            self._queue.push(*first[n])
        if accepted := list(step.accepted):
            kept = found.renumbered(step.new_numbers())
            kept = disentangled(kept) if step.is_tangled else kept
            self._adopt([described[n] for n in accepted], [cuts[n] for n in accepted], kept)
        return step.is_over

    def _first(self, width: int) -> tuple[list[tuple[int, int]], Occurrences]:
        """Take the pairs (weight, key) that come first, true weights, and where they stand: at most `width` of them."""
        taken: list[tuple[int, int]] = []
        while len(taken) < width and (top := self._queue.pop()) is not None:
            if self._product(*parts_of(top[1])) not in self.symbols:
                taken.append(top)
        found = self._live([parts_of(key) for _, key in taken], np.arange(len(taken)))
        weight_C = np.bincount(found.owner_P, weights=self._weights(found), minlength=len(taken)).astype(np.int64)
        true: list[int] = []
        for n, ((bound, key), weight) in enumerate(zip(taken, weight_C.tolist(), strict=True)):
            if weight == bound:
                true.append(n)
            elif weight >= self.min_weight:
                self._queue.push(weight, key)
        while true and self._queue.comes_before(*taken[true[-1]]):
            self._queue.push(*taken[true.pop()])
        owner_C = np.full(len(taken), -1, dtype=np.int64)
        owner_C[true] = np.arange(len(true))
        return [taken[n] for n in true], found.renumbered(owner_C)

    def _with_other_cuts(self, pairs: list[Pair], found: Occurrences) -> tuple[list[list[Pair]], Occurrences]:
        """Return every cut of each string into two tokens, the pair itself first, and where any of them stands."""
        cuts = [[pair, *(p for p in self.symbols.splits(self._product(*pair)) if p != pair)] for pair in pairs]
        others = [(n, pair) for n, listed in enumerate(cuts) for pair in listed[1:]]
        if not others:
            return cuts, found
        owners = np.array([n for n, _ in others], dtype=np.int64)
        return cuts, united([found, self._live([pair for _, pair in others], owners)])

    def _product(self, left: int, right: int) -> bytes:
        return self.symbols.bytes_of[left] + self.symbols.bytes_of[right]

    def _adopt(self, described: list[Joined], cuts: list[list[Pair]], found: Occurrences) -> None:
        """Join every occurrence, however it is cut, and remember the pairs that arise."""
        symbol_T = self.cells.symbol_T
        first = len(self.symbols.bytes_of)
        number_P, owner_N = self._new_numbers(described, cuts, found)
        stood_before_P, stood_after_P = symbol_T[found.at_P - 1], symbol_T[found.end_P]
        symbol_T[found.middle_P - 1] = symbol_T[found.middle_P] = _INSIDE
        symbol_T[found.at_P] = symbol_T[found.end_P - 1] = number_P
        self.joined += described

        def neighbor(now_P: npt.NDArray[np.int32], stood_P: npt.NDArray[np.int32]) -> Ints:
            # What was joined later in this step was not there yet; another length of the same string has its own turn.
            later_P = now_P > number_P
            same_P = later_P & (owner_N[np.where(later_P, now_P - first, 0)] == found.owner_P)
            return np.where(same_P, CUT, np.where(later_P, stood_P, now_P)).astype(np.int64)

        after_P = neighbor(symbol_T[found.end_P], stood_after_P)
        before_P = neighbor(symbol_T[found.at_P - 1], stood_before_P)
        a, b = after_P > CUT, (before_P > CUT) & (before_P != number_P)
        index = index_pairs(
            np.concatenate((number_P[a], before_P[b])),
            np.concatenate((after_P[a], number_P[b])),
            np.concatenate((found.at_P[a], found.at_P[b] - self.symbols.cells_V[before_P[b]])),
        )
        self._remember(range(first, len(self.symbols.bytes_of)), index)

    def _new_numbers(
        self, described: list[Joined], cuts: list[list[Pair]], found: Occurrences
    ) -> tuple[Ints, npt.NDArray[np.int64]]:
        """Give each string a number for each length; return that of each place, and the string of each new number."""
        cells_V, owners = self.symbols.cells_V, []
        lengths = [list(dict.fromkeys(int(cells_V[a] + cells_V[b]) for a, b in pairs)) for pairs in cuts]
        table = np.zeros((len(described), max(map(max, lengths)) + 1), dtype=np.int64)
        for n, joined in enumerate(described):
            for length in lengths[n]:
                table[n, length] = self.symbols.add(joined.data, cells=length)
                owners.append(n)
        return table[found.owner_P, found.end_P - found.at_P], np.array(owners, dtype=np.int64)

    def _remember(self, newest: Iterable[int], index: PairIndex) -> None:
        """Queue the pairs that may be joined; `newest`: the numbers of which each pair has one, and none newer."""
        if not len(index.key_K):
            return
        left_K, right_K = parts_of(index.key_K)
        weight_P = self.counted.weight_S[self.cells.string_T[index.positions_P]]
        if self.boundary_discount_percent:
            middle_P = index.positions_P.astype(np.int64) + np.repeat(self.symbols.cells_V[left_K], index.sizes)
            weight_P = self._discounted(weight_P, middle_P)
        weight_K = np.add.reduceat(weight_P, index.begin_K[:-1])
        kept_K = weight_K >= self.min_weight
        kept_K[kept_K] = self.symbols.joinable(left_K[kept_K], right_K[kept_K])
        if not kept_K.any():
            return
        for number in newest:
            self._index_of[number] = len(self._indexes)
        self._indexes.append(index.only(kept_K))
        self._queue.add_all(weight_K[kept_K], index.key_K[kept_K])

    def _live(self, pairs: list[Pair], owner_C: Ints) -> Occurrences:
        """Return where pairs still stand; of overlapping ones (哈哈哈) the first, the third and so on."""
        parts = [self._positions(left, right) for left, right in pairs]
        sizes = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
        at_P = np.concatenate([np.zeros(0, dtype=np.int32), *parts]).astype(np.int64)
        both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        left_P, right_P = np.repeat(both[:, 0], sizes), np.repeat(both[:, 1], sizes)
        cells_V, symbol_T = self.symbols.cells_V, self.cells.symbol_T
        middle_P = at_P + cells_V[left_P]
        found = Occurrences(np.repeat(owner_C, sizes), at_P, middle_P, middle_P + cells_V[right_P], left_P, right_P)
        found = found.only((symbol_T[at_P] == left_P) & (symbol_T[middle_P] == right_P))
        return without_overlaps(found) if bool((both[:, 0] == both[:, 1]).any()) else found

    def _positions(self, left: int, right: int) -> npt.NDArray[np.int32]:
        newest = max(left, right)
        number = self._index_of.get(newest if newest >= self.symbols.base_numbers else CUT)
        if number is None:
            return np.zeros(0, dtype=np.int32)
        return self._indexes[number].positions(left << KEY_BITS | right)

    def _weights(self, found: Occurrences) -> Ints:
        weight_P: Ints = self.counted.weight_S[self.cells.string_T[found.at_P]]
        return self._discounted(weight_P, found.middle_P) if self.boundary_discount_percent else weight_P

    def _discounted(self, weight_P: Ints, middle_P: Ints) -> Ints:
        return weight_P - weight_P * self.boundary_discount_percent // _PERCENT * self.cells.begins_T[middle_P]
