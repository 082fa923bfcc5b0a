"""Which verdicts are judged: some of each kind, so that a rare one is not missed, and for how many each stands.

A stratum is what the filter said (kept, or rejected for a family of reasons), a source, and the band of its score. Half
of the judgements are of what was rejected, half of what was kept; within each, a stratum gets a share by the root of
its size, between proportional and equal allocation (Bankier 1988, "Power Allocations").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hanhua.filtering.labeling.candidates import Candidate

MAX_SOURCES = 6
"""Sources that are told apart, the largest; the others are one."""
MIN_JUDGED = 2
SEED = 1


@dataclass(frozen=True)
class Stratum:
    """A kind of verdict. family: of the reason for which texts were rejected, empty for those kept."""

    family: str
    source: str
    band: str

    @property
    def rejected(self) -> bool:
        """Whether the filter rejected its texts."""
        return self.family != ""


def strata_of(candidates: Sequence[Candidate], count: int) -> list[Stratum]:
    """Return the stratum of each candidate; as many strata as `count` judgements can tell apart.

    Sources, and then bands, are joined where there would be too many.
    """
    sizes = Counter(one.source for one in candidates)
    known = {source for source, _ in sizes.most_common(MAX_SOURCES)}
    for told in ("source and band", "band", ""):
        found = []
        for one in candidates:
            source = (one.source if one.source in known else "others") if told == "source and band" else ""
            family = one.reason.partition(".")[0]
            found.append(Stratum(family, source, one.band if told and not family else ""))
        if len(set(found)) * MIN_JUDGED <= count:
            break
    return found


def draw_sample(strata: Sequence[Stratum], count: int) -> list[int]:
    """Return the places of `count` texts to judge, in an order that tells nothing. Deterministic."""
    chance = np.random.default_rng(SEED)
    members: dict[Stratum, list[int]] = {}
    for place in chance.permutation(len(strata)).tolist():
        members.setdefault(strata[place], []).append(place)
    drawn = [
        place for stratum, wanted in allocate(Counter(strata), count).items() for place in members[stratum][:wanted]
    ]
    return [drawn[i] for i in chance.permutation(len(drawn)).tolist()]


def allocate(sizes: Mapping[Stratum, int], count: int) -> dict[Stratum, int]:
    """Return how many of each stratum are judged.

    >>> kept, junk = Stratum("", "", ""), Stratum("junk", "", "")
    >>> allocate({kept: 1000, junk: 30}, 100)[junk], allocate({kept: 1000, junk: 30}, 100)[kept]
    (30, 70)
    """
    sides = [{s: n for s, n in sizes.items() if s.rejected is side} for side in (True, False)]
    total = [sum(side.values()) for side in sides]
    of_rejected = min(total[0], max(count // 2, count - total[1]))
    shares = (of_rejected, min(total[1], count - of_rejected))
    found: dict[Stratum, int] = {}
    for side, budget in zip(sides, shares, strict=True):
        found |= _by_root(side, budget)
    return found


def _by_root(sizes: Mapping[Stratum, int], budget: int) -> dict[Stratum, int]:
    """Give judgements out one by one, each to the stratum that is furthest behind its share."""
    given = dict.fromkeys(sizes, 0)
    for _ in range(budget):
        open_ones = [one for one in sizes if given[one] < sizes[one]]
        behind = [one for one in open_ones if given[one] < MIN_JUDGED]
        best = min(behind or open_ones, key=lambda one: ((given[one] + 1) / np.sqrt(sizes[one]), str(one)))
        given[best] += 1
    return given
