"""Runs the Rust BPE trainer over alias strings, and counts what it would use."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from tokenizers import Tokenizer, models, trainers

from hanhua.progress import Progress
from hanhua.vocab_extension.count import count_of, documents_of
from hanhua.vocab_extension.tokenizer_json import encode_all

_FEED = 50_000
_BATCH = 20_000


@dataclass(frozen=True)
class Trained:
    """What the trainer joined, most valuable first.

    parts: for each product, an alias string, the two it was first made of. encoder: merges alias strings.
    """

    parts: dict[str, tuple[str, str]]
    encoder: Tokenizer


@dataclass(frozen=True)
class Evidence:
    """How often a product was formed, inside longer ones as well, and a 64-bit set of the documents."""

    count: int
    documents: int


def train_merges(segments: Mapping[str, int], *, merges: int, min_count: int) -> Trained:
    """Join alias strings (packed counts by string) `merges` times, or as often as pairs are met `min_count` times.

    The trainer takes no weights, so every string is fed as often as it was counted; it only hashes them.
    """
    alphabet = {character for segment in segments for character in segment}
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + merges,
        min_frequency=min_count,
        show_progress=sys.stderr.isatty(),
        special_tokens=[],
    )
    tokenizer.train_from_iterator(_repeated(segments), trainer=trainer)
    parts: dict[str, tuple[str, str]] = {}
    for left, right in json.loads(tokenizer.to_str())["model"]["merges"]:
        parts.setdefault(left + right, (left, right))
    return Trained(parts, tokenizer)


def count_evidence(trained: Trained, segments: Mapping[str, int]) -> dict[str, Evidence]:
    """Count every product where it stays, and where it goes on into a longer one."""
    ids = trained.encoder.get_vocab(with_added_tokens=False)
    counts_V = np.zeros(len(ids), dtype=np.int64)
    seen_V = np.zeros(len(ids), dtype=np.uint64)
    items = iter(segments.items())
    with Progress("counting candidates", total=len(segments), unit="strings") as bar:
        while batch := list(islice(items, _BATCH)):
            encoded = list(encode_all(trained.encoder, (segment for segment, _ in batch)))
            lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
            at_T = np.fromiter(chain.from_iterable(encoded), dtype=np.int64, count=int(lengths.sum()))
            counts = np.array([count_of(packed) for _, packed in batch], dtype=np.int64)
            seen = np.array([documents_of(packed) for _, packed in batch], dtype=np.uint64)
            np.add.at(counts_V, at_T, np.repeat(counts, lengths))
            np.bitwise_or.at(seen_V, at_T, np.repeat(seen, lengths))
            bar.advance(len(batch))
    # From the last to the first: a product's own total is complete before it is handed to its two parts.
    for product, parts in reversed(trained.parts.items()):
        for part in parts:
            counts_V[ids[part]] += counts_V[ids[product]]
            seen_V[ids[part]] |= seen_V[ids[product]]
    return {p: Evidence(int(counts_V[ids[p]]), int(seen_V[ids[p]])) for p in trained.parts}


def _repeated(segments: Mapping[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    for segment in sorted(segments):
        left = count_of(segments[segment])
        while left:
            now = min(left, _FEED - len(batch))
            batch += [segment] * now
            left -= now
            if len(batch) == _FEED:
                yield batch
                batch = []
    yield batch
