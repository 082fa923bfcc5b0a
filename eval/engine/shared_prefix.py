"""Which inputs run together: after a shared prefix that is computed once, or in batches of like length. No torch.

Five-shot questions of one subject share all but the last tenth of their tokens. Inputs are sorted, so that
those with a common beginning are neighbors; a group is kept where sharing saves more than its parts would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

MIN_SHARED_TOKENS = 32
MIN_GROUP_ITEMS = 4
"""Below either, a batch of its own costs more than it saves."""
MIN_FILLED, SPARE_TOKENS = 0.75, 8
"""A batch's shortest input is at least so much of its longest, some tokens apart."""


@dataclass(frozen=True)
class Batch:
    """Items run in one forward pass, after the first `prefix_tokens` of each, which the whole group shares."""

    prefix_tokens: int
    items: tuple[int, ...]
    group: int


@dataclass
class _Interval:
    """A run of sorted inputs that share `shared` tokens: the best cut of it into groups, and what that saves."""

    shared: int
    start: int
    end: int = 0
    saved_tokens: int = 0
    groups: list[tuple[int, int, int]] = field(default_factory=list)
    children: list[_Interval] = field(default_factory=list)


def plan_batches(inputs: Sequence[Sequence[int]], *, scored: Sequence[int], batch_size: int) -> list[Batch]:
    """Return batches that cover every input once; those after one prefix follow each other.

    scored: of each input, how many of the last positions are scored; a prefix never reaches into them.
    The plan depends on the inputs alone, so a run resumed after a kill makes the same batches.
    """
    lengths = [len(ids) for ids in inputs]
    grouped = _group_by_prefix(inputs, scored)
    alone = [i for shared, members in grouped if shared == 0 for i in members]
    groups = [(0, alone), *((shared, members) for shared, members in grouped if shared)]
    batches = []
    for number, (shared, members) in enumerate(groups):
        # Longest first: the peak of memory comes at once, and the time left is over-, not underestimated.
        members.sort(key=lambda i: (-lengths[i], i))
        cuts = _cut(members, [lengths[i] - shared for i in members], batch_size)
        batches += [Batch(shared, tuple(cut), number) for cut in cuts]
    return batches


def count_tokens(batches: Sequence[Batch], lengths: Sequence[int]) -> list[int]:
    """Return the tokens each batch processes, padding apart: a shared prefix counts once, with its first batch."""
    tokens, before = [], -1
    for batch in batches:
        own = sum(lengths[i] - batch.prefix_tokens for i in batch.items)
        tokens.append(own if batch.group == before else own + batch.prefix_tokens)
        before = batch.group
    return tokens


def _cut(members: list[int], lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Return batches of like length: one long question among short ones would be paid for by padding all of them."""
    cuts: list[list[int]] = []
    longest = 0
    for member, length in zip(members, lengths, strict=True):
        if not cuts or len(cuts[-1]) == batch_size or length < MIN_FILLED * longest - SPARE_TOKENS:
            cuts.append([])
            longest = length
        cuts[-1].append(member)
    return cuts


def _group_by_prefix(inputs: Sequence[Sequence[int]], scored: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Return (shared tokens, members) groups; what shares too little is in groups of 0 shared tokens."""
    if not inputs:
        return []
    order = sorted(range(len(inputs)), key=lambda i: (tuple(inputs[i]), i))
    arrays = [np.asarray(inputs[i], dtype=np.int64) for i in order]
    free = [len(inputs[i]) - scored[i] for i in order]
    common = [min(_common_length(arrays[n], arrays[n + 1]), free[n], free[n + 1]) for n in range(len(order) - 1)]
    whole = _best_intervals(common)
    return [(shared, order[start:end]) for start, end, shared in whole.groups]


def _best_intervals(common: Sequence[int]) -> _Interval:
    """Return the interval over all inputs, cut where it saves most; `common[n]` is shared by inputs n and n + 1.

    The intervals between minima of `common` form a tree, built in one pass with a stack.
    """
    stack: list[_Interval] = []
    for position in range(len(common) + 1):
        level = common[position] if position < len(common) else -1
        node = _Interval(0, position, position + 1, 0, [(position, position + 1, 0)])
        while stack and stack[-1].shared > level:
            top = stack.pop()
            top.children.append(node)
            node = _close(top)
        if stack and stack[-1].shared == level:
            stack[-1].children.append(node)
        else:
            stack.append(_Interval(level, node.start, children=[node]))
    return stack[0].children[0]


def _close(interval: _Interval) -> _Interval:
    children = interval.children
    interval.end = children[-1].end
    members = interval.end - interval.start
    together = 0
    if interval.shared >= MIN_SHARED_TOKENS and members >= MIN_GROUP_ITEMS:
        together = (members - 1) * interval.shared
    apart = sum(child.saved_tokens for child in children)
    if together > apart:
        interval.saved_tokens = together
        interval.groups = [(interval.start, interval.end, interval.shared)]
    else:
        interval.saved_tokens = apart
        interval.groups = [group for child in children for group in child.groups]
    interval.children = []
    return interval


def _common_length(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> int:
    length = min(len(one), len(other))
    differ = np.flatnonzero(one[:length] != other[:length])
    return int(differ[0]) if len(differ) else length
