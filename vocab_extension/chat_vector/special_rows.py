"""Special tokens whose rows the base never trained and the instruct model did: what a chat is written with.

Shape suffix: V vocabulary rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hanhua.vocab_extension.chat_vector.models import Models, Opened
from hanhua.vocab_extension.resize.base_rows import Ids, Rows, examine_rows
from hanhua.vocab_extension.resize.pieces import unread_ids
from hanhua.vocab_extension.resize.resize import examined_matrices
from hanhua.vocab_extension.resize.shards import tensor_rows
from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS, HEAD


@dataclass(frozen=True)
class SpecialRows:
    """names: by matrix, the special tokens only the instruct model trained, with their ids. base: the base's rows."""

    names: dict[str, dict[str, int]]
    base: dict[str, Rows]

    def ids(self, matrix: str) -> Ids:
        """Return the ids of one matrix, in order."""
        return np.array(sorted(self.names.get(matrix, {}).values()), dtype=np.int64)

    def trained(self) -> np.typing.NDArray[np.bool_]:
        """Return which base tokens were ever read in training, shape (V,)."""
        return self.base[EMBEDDINGS].trained_V


def find_special_rows(models: Models) -> SpecialRows:
    """Find the special tokens whose rows are untrained in the base and trained in the instruct model, by matrix."""
    first = models.first_new_id
    base = examined_matrices(models.base.source, models.base.bpe, first)
    special = [(token["content"], token["id"]) for token in models.instruct.bpe.added if token["id"] < first]
    suspects = unread_ids(models.instruct.bpe, first)
    names = {}
    for matrix in (EMBEDDINGS, HEAD):
        if matrix in models.adapted.tensors:
            before = base.get(matrix, base[EMBEDDINGS])
            after = _instruct_rows(models.instruct, matrix, suspects)
            names[matrix] = {name: id_ for name, id_ in special if after.trained_V[id_] and not before.trained_V[id_]}
    return SpecialRows(names, base)


def _instruct_rows(instruct: Opened, matrix: str, suspects: Ids) -> Rows:
    place = instruct.head() if matrix == HEAD else instruct.tensors[matrix]
    none = np.zeros(0, dtype=np.int64)
    return examine_rows(tensor_rows(place), place.dtype, suspects=suspects, unseen=none)
