"""Runs the Rust BPE trainer over alias strings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tokenizers import Tokenizer, models, trainers

_FEED = 50_000


def train_merges(segments: Mapping[str, int], *, merges: int, min_count: int) -> list[str]:
    """Return the alias strings the trainer joined, most valuable first, at most `merges` of them.

    The trainer takes no weights, so every string is fed as often as it was counted; it only hashes them.
    """
    alphabet = {character for segment in segments for character in segment}
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + merges, min_frequency=min_count, show_progress=False, special_tokens=[]
    )
    tokenizer.train_from_iterator(_repeated(segments), trainer=trainer)
    joined = json.loads(tokenizer.to_str())["model"]["merges"]
    return list(dict.fromkeys("".join(merge) for merge in joined))


def _repeated(segments: Mapping[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    for segment in sorted(segments):
        left = segments[segment]
        while left:
            now = min(left, _FEED - len(batch))
            batch += [segment] * now
            left -= now
            if len(batch) == _FEED:
                yield batch
                batch = []
    yield batch
