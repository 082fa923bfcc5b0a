"""Continued BPE over cells: join the commonest pair of neighbors again and again, where the base's merges stopped.

What may not become a token is never joined, rather than dropped afterwards, so that nothing is ever built on it
and its neighbors find other ways to join.

A pair's count only falls after its tokens are made: later merges take occurrences away and never add any. So the
greatest count in the queue is an upper bound, and a pair is counted again only when it comes to the top: if
its true count is lower it goes back, otherwise it is the commonest of all.

Some dozens are joined at a time, and the result is that of one at a time. The commonest pairs are taken together as
far as none can change what the next ones are: they share no token at any place, and no pair that the earlier ones
bring about can weigh as much as a later one.

Shape suffixes: T cells, C strings to join next, X pairs that spell them, P places where a pair stands, K different
pairs, S strings, R sources, V numbers of symbols, N of them new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from hanhua.progress import Progress
from hanhua.vocab_extension.learning.counts import CountedStrings
from hanhua.vocab_extension.learning.occurrences import (
    Joined,
    Occurrences,
    Pairs,
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
    evidence: list[npt.NDArray[np.float64]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    _queue: PairQueue = field(default_factory=PairQueue)
    _indexes: list[PairIndex] = field(default_factory=list)
    _index_of: dict[int, int] = field(default_factory=dict)
    """Which index has the pairs of a number with those made before it; those of base tokens are all in one."""

    def __post_init__(self) -> None:
        symbol_T = self.cells.symbol_T
        at_P = np.flatnonzero((symbol_T[:-1] != CUT) & (symbol_T[1:] != CUT)).astype(np.int32)
        index = index_pairs(symbol_T[at_P], symbol_T[at_P + 1], at_P)
        del at_P
        weight_P = self.counted.weight_S.take(self.cells.string_T.take(index.positions_P))
        if self.boundary_discount_percent:
            left_K, _ = parts_of(index.key_K)
            middle_P = index.positions_P.astype(np.int64) + np.repeat(self.symbols.cells_V[left_K], index.size_K)
            weight_P = self._discounted(weight_P, middle_P)
        self._remember([CUT], index, weight_P)

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
        number_of_pairs = len(found.pairs)
        cuts, found = self._with_other_cuts([parts_of(key) for _, key in first], found)
        names = [self._product(*pairs[0]) for pairs in cuts]
        described = describe(found, names, self.cells, self.counted)
        new_C = greatest_new_weights(found, len(names), self.cells, self.symbols)
        places = SharedTokens.of(found, found.pair_P < number_of_pairs, self._weights(found))
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
        weights = found.summed(self._weights(found), len(taken)).tolist()
        begins = found.begins(len(taken)).tolist()
        true: list[int] = []
        for n, ((bound, key), weight) in enumerate(zip(taken, weights, strict=True)):
            if weight == bound:
                true.append(n)
            elif weight >= self.min_weight:
                self._queue.push(weight, key)
                self._forget_dead(*parts_of(key), found.at_P[begins[n] : begins[n + 1]])
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
        return cuts, united(found, self._live([pair for _, pair in others], owners))

    def _product(self, left: int, right: int) -> bytes:
        return self.symbols.bytes_of[left] + self.symbols.bytes_of[right]

    def _adopt(self, described: list[Joined], cuts: list[list[Pair]], found: Occurrences) -> None:
        """Join every occurrence, however it is cut, and remember the pairs that arise."""
        symbol_T = self.cells.symbol_T
        first = len(self.symbols.bytes_of)
        number_P, owner_N = self._new_numbers(described, cuts, found)
        stood_before_P, stood_after_P = symbol_T.take(found.at_P - 1), symbol_T.take(found.ends)
        symbol_T[found.middles - 1] = symbol_T[found.middles] = _INSIDE
        symbol_T[found.at_P] = symbol_T[found.ends - 1] = number_P
        self.joined += described
        if self.counted.weight_RS is not None:
            self.evidence += self._evidence(found, self.counted.weight_RS, len(described))

        def neighbor(now_P: npt.NDArray[np.int32], stood_P: npt.NDArray[np.int32]) -> Ints:
            # What was joined later in this step was not there yet; another length of the same string has its own turn.
            later_P = now_P > number_P
            same_P = later_P & (owner_N[np.where(later_P, now_P - first, 0)] == found.owners)
            return np.where(same_P, CUT, np.where(later_P, stood_P, now_P)).astype(np.int64)

        after_P = neighbor(symbol_T.take(found.ends), stood_after_P)
        before_P = neighbor(symbol_T.take(found.at_P - 1), stood_before_P)
        a = np.flatnonzero(after_P > CUT)
        b = np.flatnonzero((before_P > CUT) & (before_P != number_P))
        before, middle_P = before_P[b], np.concatenate((found.ends[a], found.at_P[b]))
        at_P = np.concatenate((found.at_P[a], found.at_P[b] - self.symbols.cells_V[before]))
        index = index_pairs(
            np.concatenate((number_P[a], before)),
            np.concatenate((after_P[a], number_P[b])),
            np.arange(len(at_P), dtype=np.int32),
        )
        weight_P = np.concatenate((found.weight_P[a], found.weight_P[b]))
        weight_P = self._discounted(weight_P, middle_P).take(index.positions_P)
        index = replace(index, positions_P=at_P.take(index.positions_P).astype(np.int32))
        self._remember(range(first, len(self.symbols.bytes_of)), index, weight_P)

    def _evidence(
        self, found: Occurrences, weight_RS: npt.NDArray[np.float32], number: int
    ) -> list[npt.NDArray[np.float64]]:
        """Return a row for each of so many strings: the weight of its places in each source, and in all there is."""
        weight_P = self._weights(found)
        share_P = weight_P / np.maximum(found.weight_P, 1)
        columns = (weight_S.take(found.string_P) * share_P for weight_S in weight_RS)
        begins = found.begins(number)
        # A last place of nothing, so that every string has one to begin at.
        sums = [np.add.reduceat(np.append(values_P, 0.0), begins[:-1]) for values_P in (*columns, weight_P)]
        return list(np.column_stack(sums) * (np.diff(begins) > 0)[:, None])

    def _new_numbers(
        self, described: list[Joined], cuts: list[list[Pair]], found: Occurrences
    ) -> tuple[Ints, npt.NDArray[np.int64]]:
        """Give each string a number for each length; return that of each place, and the string of each new number."""
        cells_V, owners = self.symbols.cells_V, []
        cells = iter(cells_V[np.array([pair for pairs in cuts for pair in pairs])].sum(axis=1).tolist())
        lengths: list[list[int]] = [list(dict.fromkeys(islice(cells, len(pairs)))) for pairs in cuts]
        table = np.zeros((len(described), max(map(max, lengths)) + 1), dtype=np.int64)
        for n, joined in enumerate(described):
            for length in lengths[n]:
                table[n, length] = self.symbols.add(joined.data, cells=length)
                owners.append(n)
        return table[found.owners, found.ends - found.at_P], np.array(owners, dtype=np.int64)

    def _remember(self, newest: Iterable[int], index: PairIndex, weight_P: Ints) -> None:
        """Queue the pairs that may be joined; `newest`: the numbers of which each pair has one, and none newer."""
        if not len(index.key_K):
            return
        weight_K = np.add.reduceat(weight_P, index.begin_K)
        kept_K = weight_K >= self.min_weight
        kept_K[kept_K] = self.symbols.joinable(*parts_of(index.key_K[kept_K]))
        if not kept_K.any():
            return
        for number in newest:
            self._index_of[number] = len(self._indexes)
        self._indexes.append(index.only(kept_K))
        self._queue.add_all(weight_K[kept_K], index.key_K[kept_K])

    def _live(self, pairs: list[Pair], owner_X: Ints) -> Occurrences:
        """Return where pairs still stand; of overlapping ones (哈哈哈) the first, the third and so on."""
        cells, table = self.cells, Pairs.of(pairs, owner_X, self.symbols.cells_V)
        parts = [self._positions(left, right) for left, right in pairs]
        at_P = np.concatenate([np.zeros(0, dtype=np.int32), *parts]).astype(np.int64)
        pair_P = np.repeat(np.arange(len(pairs)), np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)))
        left_P, right_P = table.left_X.take(pair_P), table.right_X.take(pair_P)
        stands_P = cells.symbol_T.take(at_P) == left_P
        stands_P &= cells.symbol_T.take(at_P + table.middle_X.take(pair_P)) == right_P
        live = np.flatnonzero(stands_P)
        pair_P, at_P = pair_P.take(live), at_P.take(live)
        string_P = cells.string_T.take(at_P).astype(np.int64)
        found = Occurrences(table, pair_P, at_P, string_P, self.counted.weight_S.take(string_P))
        return without_overlaps(found) if bool((table.left_X == table.right_X).any()) else found

    def _positions(self, left: int, right: int) -> npt.NDArray[np.int32]:
        index = self._index_with(left, right)
        if index is None:
            return np.zeros(0, dtype=np.int32)
        positions = index.positions(left << KEY_BITS | right)
        return np.sort(positions) if left == right else positions

    def _forget_dead(self, left: int, right: int, live_P: Ints) -> None:
        """Look no more at places of a pair where it stands no longer; overlapping ones may come back."""
        if left != right and (index := self._index_with(left, right)) is not None:
            index.keep(left << KEY_BITS | right, live_P)

    def _index_with(self, left: int, right: int) -> PairIndex | None:
        newest = max(left, right)
        number = self._index_of.get(newest if newest >= self.symbols.base_numbers else CUT)
        return None if number is None else self._indexes[number]

    def _weights(self, found: Occurrences) -> Ints:
        return self._discounted(found.weight_P, found.middles)

    def _discounted(self, weight_P: Ints, middle_P: Ints) -> Ints:
        if not self.boundary_discount_percent:
            return weight_P
        return weight_P - weight_P * self.boundary_discount_percent // _PERCENT * self.cells.begins_T.take(middle_P)
