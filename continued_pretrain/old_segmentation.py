"""The base's own tokens in the training text: a share of it spelled as before the vocabulary was extended.

A model that only ever reads new tokens forgets what their pieces mean next to one another, and is lost where a prompt
ends inside a new token. Old pieces in between keep both spellings alive, and tie the new rows to the old ones.
`documents`: whole documents alternate (two segmentations of one corpus, as subword regularization draws them: Kudo
2018). `tokens`: each new token is taken apart by itself (BPE dropout, Provilkov et al. 2020, of the new merges alone).

Shape suffixes: T tokens of a text, N new tokens, P pieces of all of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash
from tokenizers import Tokenizer, models

from hanhua.artifacts.files import read_json
from hanhua.continued_pretrain.new_token_settings import OldSegmentationSettings

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OldSegmentation:
    """What is spelled as the base did. first_new_id: the base's vocabulary ends there. seed: of the draw."""

    settings: OldSegmentationSettings
    first_new_id: int
    seed: int


@dataclass(frozen=True)
class Pieces:
    """The base tokens of every new token: those of token `first + n` are `flat_P[starts_N[n] : starts_N[n + 1]]`."""

    first: int
    flat_P: Ids
    starts_N: Ids

    def is_new(self, ids_T: Ids) -> npt.NDArray[np.bool_]:
        """Return which ids are new tokens; a special token that somebody put behind them is none."""
        return np.asarray((ids_T >= self.first) & (ids_T < self.first + len(self.starts_N)))

    def counts(self, ids_T: Ids) -> Ids:
        """Return how many base tokens each token is; 1 for one of the base."""
        lengths = np.diff(self.starts_N, append=len(self.flat_P))
        new_T = self.is_new(ids_T)
        counts_T: Ids = np.where(new_T, lengths[np.where(new_T, ids_T - self.first, 0)], 1)
        return counts_T

    def spelled(self, ids_T: Ids, apart_T: npt.NDArray[np.bool_] | None = None) -> Ids:
        """Return the ids with new tokens in pieces: those marked, or all.

        >>> pieces = Pieces(10, np.array([1, 2, 3]), np.array([0, 2]))
        >>> pieces.spelled(np.array([5, 10, 11])).tolist(), pieces.counts(np.array([5, 10, 11])).tolist()
        ([5, 1, 2, 3], [1, 2, 1])
        """
        apart_T = self.is_new(ids_T) & (True if apart_T is None else apart_T)
        counts_T = np.where(apart_T, self.counts(ids_T), 1)
        starts_T = np.cumsum(counts_T) - counts_T
        out = np.repeat(ids_T, counts_T)
        within = np.arange(len(out)) - np.repeat(starts_T, counts_T)
        inside = np.repeat(apart_T, counts_T)
        out[inside] = self.flat_P[self.starts_N[out[inside] - self.first] + within[inside]]
        return out


def base_tokenizer(folder: Path, first_new_id: int) -> Tokenizer:
    """Return the tokenizer that a `tokenizer.json` extends: ids below `first_new_id`, and the merges among them."""
    data = read_json(folder / "tokenizer.json")
    tokenizer = Tokenizer.from_str(json.dumps({**data, "model": _base_model(data["model"], first_new_id)}))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


def pieces_of_new_tokens(folder: Path, first_new_id: int) -> Pieces:
    """Return the base tokens that each new token is, by the base's merges alone; exact for parts of characters too."""
    model = read_json(folder / "tokenizer.json")["model"]
    base = _base_model(model, first_new_id)
    encoder = Tokenizer(models.BPE(vocab=base["vocab"], merges=[_parts(merge) for merge in base["merges"]]))
    new = sorted((id_, token) for token, id_ in model["vocab"].items() if id_ >= first_new_id)
    found = [encoder.encode(token, add_special_tokens=False).ids for _, token in new]
    starts = np.cumsum([0, *(len(ids) for ids in found)])[:-1]
    flat = np.array([id_ for ids in found for id_ in ids], dtype=np.int64)
    return Pieces(first_new_id, flat, starts.astype(np.int64))


def _base_model(model: dict[str, Any], first: int) -> dict[str, Any]:
    kept = {token: id_ for token, id_ in model["vocab"].items() if id_ < first}
    pairs = [(merge, _parts(merge)) for merge in model["merges"]]
    own = [merge for merge, (a, b) in pairs if a in kept and b in kept and a + b in kept]
    return {**model, "vocab": kept, "merges": own}


def _parts(merge: str | list[str]) -> tuple[str, str]:
    """Return the two tokens of a merge, which files write in one of two ways."""
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second


class OldSpeller:
    """Spells a share of documents, or of new tokens, as the base did; the same for the same document and seed."""

    def __init__(self, folder: Path, old: OldSegmentation) -> None:
        self._settings, self._seed = old.settings, old.seed
        self._whole = old.settings.by == "documents"
        self._base = base_tokenizer(folder, old.first_new_id) if self._whole else None
        self._pieces = None if self._whole else pieces_of_new_tokens(folder, old.first_new_id)

    def spelled(self, id_: str, text: str, ids: list[int]) -> list[int]:
        """Return the ids of a document, which `ids` are with all new tokens."""
        # Never the hash itself against the share: documents are chosen by it too, the least ones first.
        chance = np.random.default_rng(xxhash.xxh3_64_intdigest(id_.encode(), seed=self._seed))
        if self._base is not None:
            old = chance.random() < self._settings.share
            return list(self._base.encode(text, add_special_tokens=False).ids) if old else ids
        assert self._pieces is not None
        drawn_T = chance.random(len(ids)) < self._settings.share
        return [int(one) for one in self._pieces.spelled(np.array(ids, dtype=np.int64), drawn_T)]
