"""The data of a run: packed corpora, the order of their sequences, and what a target is worth in characters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

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

    def is_chinese(self, first: int, count: int) -> npt.NDArray[np.bool_]:
        """Return, for the same sequences, whether each is of a Chinese corpus."""
        chinese = np.array([self.corpora[name].language == "zh" for name in self.mixture.names])
        result: npt.NDArray[np.bool_] = chinese[self.mixture.corpus_S[first : first + count]]
        return result

    def share_from(self, first_id: int | None) -> float:
        """Return the share of the run's tokens whose id is `first_id` or above (new tokens); 0 for None."""
        if first_id is None:
            return 0.0
        found = 0
        for low in range(0, len(self.mixture), 256):
            batch = self.batch(low, min(256, len(self.mixture) - low))
            found += int((batch.input_ids_BL >= first_id).sum())
        return round(found / (len(self.mixture) * self.length), 6)

    def characters(self, labels_BL: npt.NDArray[np.int64]) -> int:
        """Return the characters that the targets spell."""
        return int(self.characters_V[labels_BL[labels_BL != IGNORED]].sum(dtype=np.int64))


@dataclass(frozen=True)
class MicroBatch:
    """One process's share of one forward pass, on its device."""

    input_ids_BL: Tensor
    position_ids_BL: Tensor
    labels_BL: Tensor

    @classmethod
    def of(cls, batch: Batch, rows: slice, device: torch.device) -> MicroBatch:
        """Return the rows of a batch as tensors."""
        arrays = (batch.input_ids_BL, batch.position_ids_BL, batch.labels_BL)
        return cls(*(torch.from_numpy(array[rows]).to(device) for array in arrays))
