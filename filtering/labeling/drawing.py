"""Which texts to judge next: those that teach most.

The first round is drawn from every source and every band of what the filter says, half of it without regard to bands,
since a crawl may hold a kind of junk of which the filter has no idea. From then on most of a round is what the
classifier learned so far is unsure of, on the side of what it would reject: at half a percent of false alarms it is the
upper tail that counts. Of texts much alike one is drawn. A fifth of every round is drawn by chance, source by source,
for kinds that nobody has seen yet.

On COLD 200 drawn so are worth 600 to 800 drawn by chance (docs/results/2026-11-28-labeling.md). Around 0 instead of
`CENTER` they were worth less where half of a crawl is harmful, and as much where a twentieth is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from hanhua.filtering.labeling.candidates import Candidate
from hanhua.filtering.linear.features import WINDOW_CHARACTERS
from hanhua.filtering.linear.fitting import Example, count_columns, cut_pieces, fit, normalize
from hanhua.zh_text.folding import Codes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Strategy = Literal["unsure", "even", "random"]
"""unsure: as above. even: from every source and band alike, whatever was learned. random: by chance."""
CENTER = 0.4
"""The margin around which texts are drawn: between even odds (0) and the margin of a sure case (1)."""
BY_CHANCE = 0.2
MAX_LIKENESS = 0.8
"""Cosine of n-gram counts from which of two texts only one is drawn in a round."""
LEARNED_CHARACTERS = 320
COLUMN_BITS = 18
SEED = 1


class TextTable:
    """The n-grams of all candidates, read once: what any linear classifier says of each is then one product."""

    def __init__(self, codes: Sequence[Codes]) -> None:
        from scipy.sparse import csr_matrix

        self.examples = [Example(evenly_cut(one, LEARNED_CHARACTERS)) for one in codes]
        pieces, owners = cut_pieces(self.examples)
        counts = count_columns(pieces, COLUMN_BITS)
        normalize(counts, np.ones(1 << COLUMN_BITS, dtype=np.float32))
        share = 1 / np.bincount(owners, minlength=len(codes))[owners].astype(np.float32)
        mean = csr_matrix((share, (owners, np.arange(len(owners)))), shape=(len(codes), len(owners)))
        self.rows: csr_matrix = mean @ counts

    def margins(self, judged: Sequence[int], unwanted: Sequence[bool]) -> npt.NDArray[np.float64] | None:
        """Return the margin of every text by a classifier of unwanted ones; None where all judged are of one kind."""
        truth = np.array(unwanted, dtype=np.int64)
        if not len(truth) or truth.min() == truth.max():
            return None
        weights, intercept = fit(
            [self.examples[i] for i in judged], truth, column_bits=COLUMN_BITS, what="hanhua filter label"
        )
        return np.asarray(self.rows @ weights + intercept, dtype=np.float64)

    def likeness(self, one: int, others: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return the cosine of one text's n-grams with those of others."""
        rows, row = self.rows[list(others)], self.rows[[one]]
        norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel() * row.multiply(row).sum())
        return np.asarray((rows @ row.T).toarray().ravel() / np.maximum(norms, 1e-9))


def draw_round(
    table: TextTable,
    candidates: Sequence[Candidate],
    judged: Sequence[int],
    unwanted: Sequence[bool],
    *,
    count: int,
    strategy: Strategy = "unsure",
    seed: int = SEED,
    passed_over: Collection[int] = (),
) -> list[int]:
    """Return the places of up to `count` candidates to judge next, none judged before, in an order drawn by chance.

    judged: places of those judged, as many as `unwanted` has answers. passed_over: of others that are not drawn, since
    nothing can be learned of what was said of them. Deterministic for a seed.
    """
    taken = {*judged, *passed_over}
    chance = np.random.default_rng([seed, len(taken)])
    free = [i for i in range(len(candidates)) if i not in taken]
    count = min(count, len(free))
    if strategy == "random":
        return [int(i) for i in chance.permutation(np.array(free, dtype=np.int64))[:count]]
    margins = table.margins(judged, unwanted) if strategy == "unsure" else None
    drawn: list[int] = []
    if margins is not None:
        order = sorted(free, key=lambda i: (abs(margins[i] - CENTER), i))
        drawn = _unlike(table, order, count - round(BY_CHANCE * count))
        drawn += _by_group(candidates, _without(free, drawn), count - len(drawn), chance, bands=False)
    else:
        drawn = _by_group(candidates, free, count - count // 2, chance, bands=True)
        rest = _without(free, drawn)
        drawn += (
            _by_group(candidates, rest, count - len(drawn), chance, bands=True)
            if strategy == "even"
            else [int(i) for i in chance.permutation(np.array(rest, dtype=np.int64))[: count - len(drawn)]]
        )
    return [drawn[i] for i in chance.permutation(len(drawn)).tolist()]


def evenly_cut(codes: Codes, characters: int) -> Codes:
    """Return a long text as evenly spaced pieces of a window each, one after the other."""
    if len(codes) <= characters:
        return codes
    starts = np.linspace(0, len(codes) - WINDOW_CHARACTERS, characters // WINDOW_CHARACTERS).astype(int)
    return np.concatenate([codes[start : start + WINDOW_CHARACTERS] for start in starts.tolist()])


def _unlike(table: TextTable, order: Sequence[int], count: int) -> list[int]:
    """Return the first ones that are not much like one before them."""
    drawn: list[int] = []
    for one in order:
        if len(drawn) == count:
            break
        if not drawn or table.likeness(one, drawn).max() < MAX_LIKENESS:
            drawn.append(one)
    return drawn


def _by_group(
    candidates: Sequence[Candidate], free: Sequence[int], count: int, chance: np.random.Generator, *, bands: bool
) -> list[int]:
    """Return candidates from each source (and band) in turn, by chance within it."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i in chance.permutation(np.array(free, dtype=np.int64)).tolist():
        one = candidates[i]
        groups.setdefault((one.source, one.band if bands else ""), []).append(i)
    drawn: list[int] = []
    turns = [groups[name] for name in sorted(groups)]
    while len(drawn) < count and turns:
        turns = [group for group in turns if group]
        drawn += [group.pop() for group in turns[: count - len(drawn)]]
    return drawn


def _without(places: Sequence[int], drawn: Collection[int]) -> list[int]:
    gone = set(drawn)
    return [i for i in places if i not in gone]
