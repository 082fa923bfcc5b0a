"""Which documents are held out of training: decided once, from the hash of the duplicate cluster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from hanhua.documents.corpus import Split
from hanhua.filtering.duplicates.clusters import Clusters


class Splits:
    """The split of each spooled document, by its index."""

    def __init__(self, heldout: npt.NDArray[np.bool_]) -> None:
        self._heldout = heldout

    def __getitem__(self, index: int) -> Split:
        return "heldout" if self._heldout[index] else "train"


def assign_splits(digests: Path, clusters: Clusters, *, corpora: Path, heldout_ratio: float) -> Splits:
    """Assign a split to every spooled document, given the number of its corpus (uint16 each).

    A cluster's id is the smallest hash of its texts, so it does not depend on the order of the input. A document
    is held out when that id, as a fraction of all hashes, is below the ratio: the same text falls on the same
    side in every corpus and run. By chance a small corpus could have nothing on one side; then the cluster
    nearest to the threshold changes sides, so that any corpus of two documents or more can be both trained on
    and measured.
    """
    count = len(clusters.root)
    ids = np.full(count, 2**64 - 1, dtype=np.uint64)
    if count:
        np.minimum.at(ids, clusters.root, np.memmap(digests, dtype=np.uint64, mode="r", shape=(count, 2))[:, 0])
        ids = ids[clusters.root]
    heldout = ids < np.uint64(int(heldout_ratio * 2**64))
    owner = np.fromfile(corpora, dtype=np.uint16)
    kept = ~clusters.copies()
    for corpus in np.unique(owner):
        members = np.flatnonzero((owner == corpus) & kept)
        if len(members) < 2 or not heldout_ratio:
            continue
        if not heldout[members].any():
            heldout[ids == ids[members].min()] = True
        elif heldout[members].all():
            heldout[ids == ids[members].max()] = False
    return Splits(heldout)
