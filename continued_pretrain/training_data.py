"""The data of a run: packed corpora, the order of their sequences, and what a target is worth in characters.

Shape suffixes: V vocabulary, S sequences of the whole run, B sequences of a batch, L tokens of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hanhua.bits import bits_of_nats
from hanhua.continued_pretrain.attention import Documents, on_device
from hanhua.continued_pretrain.mixture import Mixture
from hanhua.continued_pretrain.pack import IGNORED, Batch, PackedCorpus, stack


@dataclass(frozen=True)
class TrainingData:
    """Sequences by their place in the run.

    length: tokens of a sequence. characters_V: characters that begin in each token, by id.
    """

    corpora: dict[str, PackedCorpus]
    mixture: Mixture
    characters_V: npt.NDArray[np.int16]
    length: int

    def batch(self, first: int, count: int) -> Batch:
        """Return the sequences at places `first` … `first + count - 1` of the run."""
        places = range(first, first + count)
        chosen = [(self.mixture.names[self.mixture.corpus_S[s]], int(self.mixture.index_S[s])) for s in places]
        return stack([self.corpora[name].sequence(index, self.length) for name, index in chosen])

    def corpus(self, first: int, count: int) -> npt.NDArray[np.int64]:
        """Return, for the same sequences, the number of each one's corpus among `mixture.names`."""
        return self.mixture.corpus_S[first : first + count].astype(np.int64)

    def bits_of_language(
        self,
        language: str,
        nats: Mapping[str, float],
        labels_BL: npt.NDArray[np.int64],
        corpus_B: npt.NDArray[np.int64],
    ) -> float | None:
        """Return bits per character over all corpora of a language, from the nats of each; None without characters."""
        names = [name for name in self.mixture.names if self.corpora[name].language == language]
        numbers = [self.mixture.names.index(name) for name in names]
        characters = self.characters(labels_BL[np.isin(corpus_B, numbers)])
        return bits_of_nats(sum(nats[name] for name in names)) / characters if characters else None

    def characters(self, labels_BL: npt.NDArray[np.int64]) -> int:
        """Return the characters that the targets spell."""
        return int(self.characters_V[labels_BL[labels_BL != IGNORED]].sum(dtype=np.int64))


@dataclass(frozen=True)
class MicroBatch:
    """One process's share of one forward pass, on its device, made while the device is busy with the one before."""

    input_ids_BL: Tensor
    position_ids_BL: Tensor
    labels_BL: Tensor
    documents: Documents

    @classmethod
    def of(cls, batch: Batch, rows: slice, device: torch.device) -> MicroBatch:
        """Return the rows of a batch as tensors."""
        arrays = (batch.input_ids_BL, batch.position_ids_BL, batch.labels_BL)
        ids_BL, positions_BL, labels_BL = (torch.from_numpy(array[rows]) for array in arrays)
        documents = Documents.of(positions_BL, device)
        return cls(on_device(ids_BL, device), on_device(positions_BL, device), on_device(labels_BL, device), documents)
