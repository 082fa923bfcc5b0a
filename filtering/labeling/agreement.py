"""How far two judges agree, beyond what chance would give them: Cohen's kappa.

Cohen 1960, "A coefficient of agreement for nominal scales". 1 is perfect, 0 is chance. Landis and Koch (1977) call .41
to .60 moderate, .61 to .80 substantial.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from hanhua.filtering.labeling.label_file import Label


@dataclass(frozen=True)
class Agreement:
    """Two judges, the texts that both have judged, the share on which they agree, and kappa (None for one label)."""

    judges: tuple[str, str]
    texts: int
    agreed: float
    kappa: float | None


def agreements(labels: Iterable[Label]) -> list[Agreement]:
    """Return how each two judges agree who have judged a text in common."""
    said: dict[str, dict[str, str]] = {}
    for one in labels:
        said.setdefault(one.judge, {})[one.key] = one.label
    found = []
    for first, second in combinations(sorted(said), 2):
        both = sorted(said[first].keys() & said[second].keys())
        if both:
            pairs = [(said[first][key], said[second][key]) for key in both]
            agreed = sum(a == b for a, b in pairs) / len(pairs)
            found.append(Agreement((first, second), len(both), agreed, cohens_kappa(pairs)))
    return found


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return kappa of pairs of labels; None where both judges only ever say the same one thing.

    >>> cohens_kappa([("keep", "keep"), ("junk", "junk"), ("keep", "junk"), ("junk", "junk")])
    0.5
    """
    total = len(pairs)
    observed = sum(a == b for a, b in pairs) / total
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(first[label] * second[label] for label in first) / total**2
    return None if expected == 1 else (observed - expected) / (1 - expected)
