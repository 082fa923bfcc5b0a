"""The search against BPE as one would write it on a page: count everything anew before each join."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.vocab_extension.learning.counts import CountedStrings
from hanhua.vocab_extension.learning.occurrences import Joined
from hanhua.vocab_extension.learning.symbols import CUT, Symbols
from hanhua.vocab_extension.learning.token_array import TokenArray
from hanhua.vocab_extension.learning.token_pattern import TokenPattern
from hanhua.vocab_extension.learning.train import ContinuedBpe

ALPHABET = "一二三四"
SHAPE = TokenPattern(3, "all")
STRINGS = st.lists(
    st.tuples(st.text(ALPHABET + "，", min_size=1, max_size=9), st.integers(1, 20)), min_size=1, max_size=8
)


def search_over(
    counted: list[tuple[str, int]], *, min_weight: int = 2, words: list[set[int]] | None = None, discount: int = 0
) -> ContinuedBpe:
    """Each character is a base token; words: for each string the positions where words begin."""
    symbols = Symbols({n: c.encode() for n, c in enumerate(ALPHABET + "，")}, SHAPE, 1)
    number_of = {character: n + 1 for n, character in enumerate(ALPHABET + "，")}
    symbol, string, begins = [CUT], [0], [True]
    for n, (text, _) in enumerate(counted):
        symbol += [*(number_of[character] for character in text), CUT]
        string += [n] * (len(text) + 1)
        begins += [words is not None and at in words[n] for at in range(len(text))] + [True]
    symbol, string, begins = [*symbol, CUT], [*string, 0], [*begins, True]
    begins_T = np.array(begins)
    words_T = np.concatenate(([0], np.cumsum(begins_T))).astype(np.uint16)
    cells = TokenArray(np.array(symbol, dtype=np.int32), np.array(string, dtype=np.int32), begins_T, words_T)
    weights = np.array([weight for _, weight in counted], dtype=np.int64)
    documents = np.array([1 << n % 64 for n in range(len(counted))], dtype=np.uint64)
    table = CountedStrings(pa.array([t for t, _ in counted]), weights, weights, documents, weights < 0)
    return ContinuedBpe(cells, table, symbols, min_weight, discount)


def plain_bpe(counted: list[tuple[str, int]], *, joins: int, min_weight: int) -> list[tuple[str, int]]:
    words = [(list(text), weight) for text, weight in counted]
    order = {character: n for n, character in enumerate(ALPHABET + "，")}
    done: list[tuple[str, int]] = []
    while len(done) < joins:
        pairs: Counter[tuple[str, str]] = Counter()
        for parts, weight in words:
            for left, right in live_pairs(parts):
                pairs[left, right] += weight
        fine = {p: w for p, w in pairs.items() if w >= min_weight and SHAPE.is_wanted("".join(p).encode())}
        if not fine:
            break
        left, right = min(fine, key=lambda pair: (-fine[pair], order[pair[0]], order[pair[1]]))
        product, weight = left + right, fine[left, right]
        others = [p for p in pairs if "".join(p) == product and p != (left, right)]
        done.append((product, weight + sum(pairs[p] for p in others)))
        order[product] = len(order)
        for pair in [(left, right), *others]:
            words = [(join(parts, pair), weight) for parts, weight in words]
    return done


def live_pairs(parts: list[str]) -> list[tuple[str, str]]:
    found, skip = [], False
    for left, right in pairwise(parts):
        if skip and left == right == found[-1][0]:
            skip = False  # of 哈哈哈 the second pair overlaps the first
            continue
        found.append((left, right))
        skip = left == right
    return found


def join(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair and len(out[-1] + part) == len("".join(pair)):
            out[-1] += part
        else:
            out.append(part)
    return out


def none_wrong(_: Joined) -> None:
    return None


@settings(max_examples=300, deadline=None)
@given(STRINGS, st.integers(1, 30), st.integers(1, 4))
def test_joins_what_plain_bpe_joins(counted: list[tuple[str, int]], joins: int, min_weight: int) -> None:
    # Pairs below the least weight are forgotten, other cuts of a product included, so none is below it here.
    counted = [(text, weight * 10) for text, weight in counted]
    search = search_over(counted, min_weight=min_weight)
    search.join_commonest(joins, none_wrong)
    mine = [(joined.data.decode(), joined.weight) for joined in search.joined]
    assert mine == plain_bpe(counted, joins=joins, min_weight=min_weight)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.text(ALPHABET + "，", min_size=4, max_size=30), st.integers(1, 9)), min_size=3, max_size=12)
)
def test_joining_many_at_a_time_is_joining_one_by_one(counted: list[tuple[str, int]]) -> None:
    def search(max_together: int) -> ContinuedBpe:
        found = search_over(counted, words=[set(range(0, len(text), 2)) for text, _ in counted])
        found.max_together = max_together
        found.join_commonest(60, lambda joined: "no" if joined.documents == 1 or joined.straddling > 0.7 else None)
        return found

    together, alone = search(256), search(1)
    assert together.joined == alone.joined
    assert together.dropped == alone.dropped
    assert np.array_equal(together.cells.symbol_T, alone.cells.symbol_T)


def test_what_is_faulty_is_never_joined_and_blocks_nothing() -> None:
    search = search_over([("一二三", 10), ("二三", 5)])
    search.join_commonest(5, lambda joined: "no" if joined.data.decode() == "二三" else None)
    assert [joined.data.decode() for joined in search.joined] == ["一二", "一二三"]
    assert search.dropped == {"no": 1}


def test_forced_strings_come_first_and_need_no_count() -> None:
    search = search_over([("一二一二", 10)])
    search.join_forced(["四三".encode(), "二一".encode()])
    search.join_commonest(3, none_wrong)
    assert [(j.data.decode(), j.count) for j in search.joined] == [("四三", 0), ("二一", 10), ("一二一", 10)]


def test_documents_and_counts_are_of_all_occurrences() -> None:
    search = search_over([("一二", 3), ("，一二三", 4), ("三三", 9)])
    search.join_commonest(2, none_wrong)
    assert [(j.data.decode(), j.count, j.documents) for j in search.joined] == [("三三", 9, 0b100), ("一二", 7, 0b11)]


def test_straddling_is_the_share_that_reaches_into_another_word() -> None:
    # Cut 一二|三四 and 二三|四: 二三 reaches over a boundary in the first, 三四 in the second.
    search = search_over([("一二三四", 6), ("二三四", 2)], words=[{0, 2}, {0, 2}])
    seen: dict[str, float] = {}

    def note(joined: Joined) -> str:
        seen[joined.data.decode()] = joined.straddling
        return "noted"

    search.join_commonest(9, note)
    assert seen == {"一二": 0.0, "二三": 0.75, "三四": 0.25}


def test_the_discount_is_on_pairs_across_words() -> None:
    strings = [("一二三四", 10)]
    free = search_over(strings, words=[{0, 2}])
    free.join_commonest(1, none_wrong)
    assert free.joined[0].data.decode() == "一二"
    halved = search_over([("二三", 30), ("一二", 20)], words=[{0, 1}, {0}], discount=50)
    halved.join_commonest(1, none_wrong)
    assert halved.joined[0].data.decode() == "一二"
    forbidden = search_over([("二三", 30)], words=[{0, 1}], discount=100)
    forbidden.join_commonest(1, none_wrong)
    assert forbidden.joined == []
