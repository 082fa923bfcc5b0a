"""BPE dropout (Provilkov et al. 2020): merges are skipped at random, so that parts of words are seen as well.

The `tokenizers` library has it without a seed, so the same run would not see the same tokens twice; this one draws
from a seed given with each text.
"""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

from tokenizers import Tokenizer

from hanhua.errors import InputError


class DropoutEncoder:
    """Encodes text with the BPE of a `tokenizer.json`, skipping each merge with probability `rate`."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, *, rate: float) -> None:
        model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
        if model.get("type") != "BPE" or tokenizer.pre_tokenizer is None:
            raise InputError(f"{folder}: bpe_dropout needs a BPE tokenizer that cuts text into words first")
        self._rate, self._split = rate, tokenizer.pre_tokenizer.pre_tokenize_str
        self._vocabulary: dict[str, int] = model["vocab"]
        self._whole_first = bool(model.get("ignore_merges"))
        pairs = [tuple(m.split(" ") if isinstance(m, str) else m) for m in model["merges"]]
        self._ranks = {pair: rank for rank, pair in enumerate(pairs)}

    def encode(self, text: str, *, seed: int) -> list[int]:
        """Return the ids of a text; the same for the same seed."""
        chance = random.Random(seed)
        ids: list[int] = []
        for word, _ in self._split(text):
            if self._whole_first and word in self._vocabulary and chance.random() >= self._rate:
                ids.append(self._vocabulary[word])
            else:
                ids += [self._vocabulary[part] for part in self._merged(word, chance)]
        return ids

    def _merged(self, word: str, chance: random.Random) -> list[str]:
        parts = list(word)
        while len(parts) > 1:
            found = [
                (rank, place)
                for place, pair in enumerate(pairwise(parts))
                if (rank := self._ranks.get(pair)) is not None and chance.random() >= self._rate
            ]
            if not found:
                break
            _, place = min(found)
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        return parts
