"""What a band plan finds: the probability that two texts count as copies, by their similarity."""

from __future__ import annotations

from math import ceil, comb


def meeting_probability(similarity: float, *, bands: int, rows: int) -> float:
    """Return the probability that two texts share at least one band (Leskovec et al., Mining of Massive Datasets, 3.4).

    >>> round(meeting_probability(0.5, bands=28, rows=4), 2)
    0.84
    """
    return float(1 - (1 - similarity**rows) ** bands)


def match_probability(similarity: float, *, bands: int, rows: int, min_similarity: float) -> float:
    """Return the probability that two texts meet and then agree in enough of their hashes.

    Exact: over the number of equal hashes in all bands, given that one band at least is equal in all its rows.
    """
    total, needed = bands * rows, ceil(min_similarity * bands * rows)
    # Number of ways k equal places can lie so that no band is full, by one band after another.
    ways = [1]
    for _ in range(bands):
        grown = [0] * (len(ways) + rows - 1)
        for equal, count in enumerate(ways):
            for more in range(rows):
                grown[equal + more] += count * comb(rows, more)
        ways = grown
    met = 0.0
    for equal in range(needed, total + 1):
        apart = ways[equal] if equal < len(ways) else 0
        share = similarity**equal * (1 - similarity) ** (total - equal)
        met += (comb(total, equal) - apart) * share
    return met


def similarity_after(changed: float, *, shingle: int) -> float:
    """Return the Jaccard similarity of the shingles of two texts that differ in a share of their characters.

    A shingle stays when none of its characters changed, so (1 - e)^n of them, k, and k / (2 - k) in all.

    >>> round(similarity_after(0.1, shingle=5), 2)
    0.42
    """
    kept = (1 - changed) ** shingle
    return kept / (2 - kept)
