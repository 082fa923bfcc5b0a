"""How many ends of words fall inside a token: where a prompt that stops after a whole word is cut in mid-token.

Such a prompt is encoded in a way the model never met before the word that follows, and the probability of that
word falls by orders of magnitude (Xu et al., 2601.23223). Longer tokens make it more frequent.

Shape suffixes: V vocabulary, D documents of a batch, T tokens of a batch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hanhua.encoding import Encoder
from hanhua.vocab_extension.measuring.document_counts import Ints, batches, encode_flat
from hanhua.zh_text.scripts import HAN
from hanhua.zh_text.segmentation import segment

_HAN = re.compile(f"[{HAN}]")


@dataclass(frozen=True)
class WordBoundaries:
    """Texts, and where in their bytes one word ends and the next begins."""

    texts: tuple[str, ...]
    ends: tuple[Ints, ...]

    def share_inside(self, encoder: Encoder, bytes_of_V: Ints) -> float:
        """Return the share of these places that lie inside a token; bytes_of_V: the length of each token.

        A text whose tokens do not spell it (a normalizer changed it) is left out.
        """
        inside = places = 0
        at = 0
        for batch in batches(self.texts):
            ids_T, lengths_D = encode_flat(encoder, batch)
            for text, ids in zip(batch, np.split(ids_T, np.cumsum(lengths_D)[:-1]), strict=True):
                token_ends = np.cumsum(bytes_of_V[ids])
                if len(token_ends) and token_ends[-1] == len(text.encode()):
                    inside += int(np.isin(self.ends[at], token_ends, assume_unique=True, invert=True).sum())
                    places += len(self.ends[at])
                at += 1
        return inside / max(places, 1)


def word_boundaries(texts: Iterable[str]) -> WordBoundaries:
    """Find the words of texts with jieba, and the places between two of which one at least is Chinese."""
    kept = tuple(texts)
    return WordBoundaries(kept, tuple(_ends(text) for text in kept))


def token_bytes(bytes_of: dict[int, bytes], added: Iterable[dict[str, object]], size: int) -> Ints:
    """Return how many bytes each token spells, by its id; a special token spells its own name."""
    lengths: Ints = np.zeros(size, dtype=np.int64)
    for id_, data in bytes_of.items():
        lengths[id_] = len(data)
    for token in added:
        lengths[int(str(token["id"]))] = len(str(token["content"]).encode())
    return lengths


def _ends(text: str) -> Ints:
    words = segment(text, engine="jieba")
    ends: Ints = np.cumsum([len(word.encode()) for word in words], dtype=np.int64)
    chinese: npt.NDArray[np.bool_] = np.asarray([bool(_HAN.search(word)) for word in words], dtype=np.bool_)
    return ends[:-1][chinese[:-1] | chinese[1:]]
