"""Which documents are held out of training: decided once, from the hash of the duplicate cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from hanhua.filtering.clusters import Clusters

Split = Literal["train", "heldout"]


class Splits:
    """The split of each spooled document, by its index."""

    def __init__(self, heldout: npt.NDArray[np.bool_]) -> None:
        self._heldout = heldout

    def __getitem__(self, index: int) -> Split:
        return "heldout" if self._heldout[index] else "train"


def assign_splits(digests: Path, clusters: Clusters, *, corpora: Sequence[int], heldout_ratio: float) -> Splits:
    """Assign a split to every spooled document, given its corpus by number.

    A document is held out when the hash of its cluster's first text, as a fraction of all hashes, is below
    the ratio: the same text falls on the same side in every corpus, run and order of input. By chance a
    small corpus could have nothing on one side; then the document nearest to the threshold changes sides,
    with its copies, so that any corpus of two documents or more can be both trained on and measured.
    """
    hashes = np.fromfile(digests, dtype=np.uint64).reshape(-1, 2)[:, 0][clusters.first]
    fractions = hashes / 2.0**64
    heldout = fractions < heldout_ratio
    owner = np.asarray(corpora)
    first = clusters.first == np.arange(len(fractions))
    for corpus in np.unique(owner):
        members = np.flatnonzero((owner == corpus) & first)
        if len(members) < 2 or not heldout_ratio:
            continue
        if not heldout[members].any():
            heldout[hashes == hashes[members].min()] = True
        elif heldout[members].all():
            heldout[hashes == hashes[members].max()] = False
    return Splits(heldout)
