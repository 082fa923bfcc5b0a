"""Continued BPE over cells: join the commonest pair of neighbors again and again, where the base's merges stopped.

What may not become a token is never joined, rather than dropped afterwards, so that nothing is ever built on it
and its neighbors find other ways to join.

A pair's count only falls after its tokens are made: later merges take occurrences away and never add any. So the
greatest count in the heap is an upper bound, and a pair is counted again only when it comes to the top: if
its true count is lower it goes back, otherwise it is the commonest of all.

Shape suffixes: T cells, P positions (the cell where a pair's left token begins), K different pairs, S strings,
V numbers of symbols.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import numpy as np
import numpy.typing as npt

from hanhua.progress import Progress
from hanhua.vocab_extension.learning.counts import CountedStrings
from hanhua.vocab_extension.learning.pair_index import PairIndex, index_pairs, pair_key, parts_of
from hanhua.vocab_extension.learning.symbols import CUT, Bools, Ints, Symbols
from hanhua.vocab_extension.learning.token_array import TokenArray

_KEY_BITS = 48
_KEY_MASK = (1 << _KEY_BITS) - 1
_INSIDE = -1
_PERCENT = 100


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


Fault = Callable[[Joined], "str | None"]
"""Says why a string may not become a token; None when it may."""


@dataclass
class ContinuedBpe:
    """The state of the search.

    min_weight: pairs below it are forgotten. boundary_discount_percent: how much less an occurrence weighs that
    joins two words (100: such pairs are never joined).
    """

    cells: TokenArray
    counted: CountedStrings
    symbols: Symbols
    min_weight: int
    boundary_discount_percent: int = 0
    joined: list[Joined] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    _heap: list[int] = field(default_factory=list)
    _indexes: dict[int, list[PairIndex]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        symbol_T = self.cells.symbol_T
        at_P = np.flatnonzero((symbol_T[:-1] != CUT) & (symbol_T[1:] != CUT)).astype(np.int32)
        self._remember(CUT, index_pairs(pair_key(symbol_T[at_P], symbol_T[at_P + 1]), at_P))

    def join_forced(self, strings: Iterable[bytes]) -> None:
        """Join strings whatever their count, as they come; each must be two tokens at its turn, or it is left out."""
        for data in strings:
            pairs = list(self.symbols.splits(data))
            if pairs and data not in self.symbols:
                positions = [(left, right, self._live(left, right)) for left, right in pairs]
                self._adopt(self._describe(data, positions), positions)

    def join_commonest(self, number: int, fault: Fault) -> None:
        """Join the commonest strings without fault, until `number` are joined in all, or none is left."""
        with Progress("joining", total=number, unit="tokens", done=len(self.joined)) as bar:
            for left, right, live_P in self._commonest(number):
                data = self.symbols.bytes_of[left] + self.symbols.bytes_of[right]
                positions = [(left, right, live_P)]
                positions += [(a, b, self._live(a, b)) for a, b in self.symbols.splits(data) if (a, b) != (left, right)]
                found = self._describe(data, positions)
                reason = fault(found)
                if reason is None:
                    self._adopt(found, positions)
                    bar.advance()
                else:
                    self.dropped[reason] += 1

    def _commonest(self, number: int) -> Iterator[tuple[int, int, Ints]]:
        while self._heap and len(self.joined) < number:
            top = heappop(self._heap)
            bound, key = -(top >> _KEY_BITS), top & _KEY_MASK
            left, right = parts_of(key)
            if self.symbols.bytes_of[left] + self.symbols.bytes_of[right] in self.symbols:
                continue
            live_P = self._live(left, right)
            weight = int(self._weights(left, live_P).sum())
            if weight == bound:
                yield left, right, live_P
            elif weight >= self.min_weight:
                heappush(self._heap, (-weight << _KEY_BITS) + key)

    def _adopt(self, found: Joined, positions: list[tuple[int, int, Ints]]) -> None:
        """Join every occurrence, however it is cut, and remember the pairs that arise."""
        symbol_T, cells_V = self.cells.symbol_T, self.symbols.cells_V
        made: dict[int, list[Ints]] = {}
        for left, right, at_P in positions:
            # Joining one pair may have taken occurrences of the next.
            at_P = at_P[(symbol_T[at_P] == left) & (symbol_T[at_P + cells_V[left]] == right)]
            length = int(cells_V[left] + cells_V[right])
            made.setdefault(length, []).append(at_P)
            middle_P = at_P + cells_V[left]
            symbol_T[middle_P - 1] = symbol_T[middle_P] = _INSIDE
            # A number of its own for each length; looked up again below.
            symbol_T[at_P] = symbol_T[at_P + length - 1] = _INSIDE
        self.joined.append(found)
        for length, parts in made.items():
            number = self.symbols.add(found.data, cells=length)
            at_P = np.sort(np.concatenate(parts))
            symbol_T[at_P] = symbol_T[at_P + length - 1] = number
            self._remember_neighbors(number, at_P, length)

    def _remember_neighbors(self, number: int, at_P: Ints, length: int) -> None:
        symbol_T = self.cells.symbol_T
        after_P = symbol_T[at_P + length]
        beside = after_P > CUT
        self._remember(
            number,
            index_pairs(pair_key(np.full(int(beside.sum()), number), after_P[beside]), at_P[beside].astype(np.int32)),
        )
        before_P = symbol_T[at_P - 1]
        beside = (before_P > CUT) & (before_P != number)
        left = before_P[beside].astype(np.int64)
        begins_P = (at_P[beside] - self.symbols.cells_V[left]).astype(np.int32)
        self._remember(number, index_pairs(pair_key(left, np.full(len(left), number)), begins_P))

    def _remember(self, newest: int, index: PairIndex) -> None:
        """Put the pairs that may be joined into the heap; `newest`: the later made of their tokens."""
        if not len(index.key_K):
            return
        left, right = parts_of(index.key_K)
        weights = self._weights(np.repeat(left, index.sizes), index.positions_P)
        weight_K = np.add.reduceat(weights, index.begin_K[:-1])
        kept_K = (weight_K >= self.min_weight) & self.symbols.joinable(left, right)
        if not kept_K.any():
            return
        self._indexes.setdefault(newest, []).append(index.only(kept_K))
        entries = [
            (-w << _KEY_BITS) + k for w, k in zip(weight_K[kept_K].tolist(), index.key_K[kept_K].tolist(), strict=True)
        ]
        if len(entries) > len(self._heap):
            self._heap += entries
            heapify(self._heap)
        else:
            for entry in entries:
                heappush(self._heap, entry)

    def _live(self, left: int, right: int) -> Ints:
        """Return where the pair still stands; of overlapping ones (哈哈哈) the first, the third and so on."""
        newest = max(left, right)
        key = int(pair_key(np.array(left), np.array(right)))
        found = [
            i.positions(key) for i in self._indexes.get(newest if newest >= self.symbols.base_numbers else CUT, ())
        ]
        at_P = np.concatenate(found).astype(np.int64) if found else np.zeros(0, dtype=np.int64)
        symbol_T, step = self.cells.symbol_T, self.symbols.cells_V[left]
        at_P = at_P[(symbol_T[at_P] == left) & (symbol_T[at_P + step] == right)]
        return _without_overlaps(at_P, int(step)) if left == right else at_P

    def _weights(self, left: int | Ints, at_P: npt.NDArray[np.int32] | Ints) -> Ints:
        weight_P: Ints = self.counted.weight_S[self.cells.string_T[at_P]]
        if self.boundary_discount_percent:
            between = self.cells.begins_T[at_P + self.symbols.cells_V[left]]
            weight_P = weight_P - weight_P * self.boundary_discount_percent // _PERCENT * between
        return weight_P

    def _describe(self, data: bytes, positions: list[tuple[int, int, Ints]]) -> Joined:
        cells, counted = self.cells, self.counted
        at_P = np.concatenate([at for _, _, at in positions])
        lengths = [int(self.symbols.cells_V[left] + self.symbols.cells_V[right]) for left, right, _ in positions]
        end_P = at_P + np.repeat(lengths, [len(at) for _, _, at in positions])
        string_P = cells.string_T[at_P]
        weight_P = counted.weight_S[string_P]
        total = int(weight_P.sum())
        straddles_P = _straddles(cells, at_P, end_P)
        return Joined(
            data,
            total,
            int(counted.count_S[string_P].sum()),
            int(np.bitwise_or.reduce(counted.documents_S[string_P])) if len(string_P) else 0,
            bool(counted.listed_S[string_P].any()),
            float(weight_P[straddles_P].sum()) / max(total, 1),
        )


def _straddles(cells: TokenArray, at_P: Ints, end_P: Ints) -> Bools:
    """Return where [at, end) reaches over a word boundary without beginning and ending at one."""
    begins, ends = cells.begins_T[at_P], cells.begins_T[end_P]
    crosses = cells.words_T[end_P] - cells.words_T[at_P] > begins
    straddles: Bools = crosses & ~(begins & ends)
    return straddles


def _without_overlaps(at_P: Ints, step: int) -> Ints:
    follows = np.zeros(len(at_P), dtype=bool)
    follows[1:] = np.diff(at_P) == step
    first = np.flatnonzero(~follows)
    place = np.arange(len(at_P)) - np.repeat(first, np.diff(np.append(first, len(at_P))))
    kept: Ints = at_P[place % 2 == 0]
    return kept
