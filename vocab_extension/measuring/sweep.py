"""What each size of one learned list of tokens buys and costs, from the base alone (size 0) upwards.

A list is in the order it was learned, so its first n tokens are themselves an extension: one learning run serves
every size.

Shape suffixes: D documents, Z sizes, K columns of counts, N new tokens of one size, T tokens of a batch, R resamples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hanhua.encoding import Encoder
from hanhua.errors import InputError
from hanhua.progress import Progress, say
from hanhua.vocab_extension.config import ROUND_TO
from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.measuring.bootstrap import Interval, interval_of, resampled_totals
from hanhua.vocab_extension.measuring.document_counts import Ints, batches, encode_flat
from hanhua.vocab_extension.measuring.model_shape import ModelShape
from hanhua.vocab_extension.measuring.size_curve import SizeCurve, size_curve
from hanhua.vocab_extension.measuring.sweep_costs import Costs, costs_of
from hanhua.vocab_extension.measuring.thinning import thinned
from hanhua.vocab_extension.measuring.times_seen import Budget, TimesSeen, times_seen
from hanhua.vocab_extension.measuring.word_boundaries import token_bytes, word_boundaries
from hanhua.vocab_extension.pretoken_limit import PretokenLimit, pretoken_limit
from hanhua.vocab_extension.tokenizer_json import BpeFile, load_tokenizer

MAX_SAMPLE_CHARACTERS = 20_000_000
"""Of the training text, to count new tokens in: encoded once a size."""
MAX_WORD_CHARACTERS = 500_000
"""Of the texts, to cut into words: jieba is slow, and a share needs no more."""


@dataclass(frozen=True)
class SizeRow:
    """One size. Intervals are 95%, over documents; None below two documents.

    gain: characters per token over the base's. step_gain_per_1000: by how much compression rises from the size
    before, as a share, for each 1,000 tokens. by_file: characters per token. tokens_to_train: of the budget's
    text; tokens_saved: fewer than with the base. times_seen: None for size 0.
    """

    new_tokens: int
    characters_per_token: float
    characters_per_token_interval: Interval | None
    gain: float
    gain_interval: Interval | None
    step_gain_per_1000: float
    step_gain_per_1000_interval: Interval | None
    by_file: dict[str, float]
    boundaries_inside: float
    tokens_to_train: float
    tokens_saved: float
    costs: Costs
    times_seen: TimesSeen | None

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class Sweep:
    """All sizes, and what they were measured on.

    curve: tokens of the texts at every 1,024 new ones, up to the largest size. limit: what the pre-tokenizer lets any
    size reach on them.
    """

    rows: tuple[SizeRow, ...]
    documents: int
    characters: int
    bytes: int
    sample_characters: int
    budget: Budget
    budget_characters: float
    shape: ModelShape
    curve: SizeCurve
    limit: PretokenLimit


def sizes_to_sweep(wanted: Iterable[int], *, base_size: int, learned: int) -> tuple[int, ...]:
    """Return the sizes in order, 0 first, each rounded down so that the vocabulary is a multiple of 256.

    Those beyond the end of the list become its whole length.

    >>> sizes_to_sweep([8000, 4096], base_size=128_256, learned=16_384)
    (0, 4096, 7936)
    """
    sizes = {0}
    for size in wanted:
        if size > learned:
            say(f"size {size:,}: the list has only {learned:,} tokens")
        sizes.add(max((base_size + min(size, learned)) // ROUND_TO * ROUND_TO - base_size, 0))
    if len(sizes) == 1:
        raise InputError(f"no size to sweep: a size is at least {ROUND_TO}, and the list has {learned:,} tokens")
    return tuple(sorted(sizes))


def sweep(
    base: BpeFile,
    tokens: Sequence[bytes],
    sizes: Sequence[int],
    texts: Mapping[str, Iterable[str]],
    *,
    sample_of: Iterable[str] | None,
    budget: Budget,
    min_seen: int,
    shape: ModelShape,
) -> Sweep:
    """Measure every size on `texts`, and how often its tokens would be seen in training.

    sizes: from `sizes_to_sweep`. texts: by file, read once a size and not kept. sample_of: text like that to be
    trained on, of which at most 20 million characters are counted in; None to count in `texts`.
    """
    sample = None if sample_of is None else thinned(sample_of, max_characters=MAX_SAMPLE_CHARACTERS)
    every = (text for stream in texts.values() for text in stream)
    words = word_boundaries(thinned(every, max_characters=MAX_WORD_CHARACTERS))
    tokens_by_size: list[Ints] = []
    seen: list[Ints] = []
    inside: list[float] = []
    met_N: Ints = np.zeros(0, dtype=np.int64)
    for size in sizes:
        file = extended(base, tokens[:size]) if size else base
        encoder = Encoder(load_tokenizer(file.data))
        lengths_D, met_N = _encode_all(encoder, texts, base.size, size)
        tokens_by_size.append(lengths_D)
        seen.append(met_N if sample is None else _encode_all(encoder, {"": sample}, base.size, size)[1])
        inside.append(words.share_inside(encoder, token_bytes(file.bytes_of, file.added, file.size)))
    held = _Held.read(texts, np.stack(tokens_by_size, axis=1))
    characters = held.budget_characters(budget)
    totals = held.columns_DK.sum(axis=0).tolist()
    sample_characters = totals[0] if sample is None else sum(map(len, sample))
    scale = characters / max(sample_characters, 1)
    rows = [
        held.row(at, sizes, inside[at], characters, shape, times_seen(seen[at], scale=scale, min_seen=min_seen))
        if size
        else held.row(at, sizes, inside[at], characters, shape, None)
        for at, size in enumerate(sizes)
    ]
    curve = size_curve(base, tokens[: sizes[-1]], met_N, totals[-1])
    limit = pretoken_limit(base, (text for stream in texts.values() for text in stream))
    measured = (len(held.columns_DK), totals[0], totals[1], sample_characters)
    return Sweep(tuple(rows), *measured, budget, characters, shape, curve, limit)


def _encode_all(encoder: Encoder, texts: Mapping[str, Iterable[str]], first: int, new_tokens: int) -> tuple[Ints, Ints]:
    """Return how many tokens each document has, and how often each new token is met in all of them."""
    lengths: list[Ints] = [np.zeros(0, dtype=np.int64)]
    counts_N: Ints = np.zeros(new_tokens, dtype=np.int64)
    with Progress(f"size {new_tokens:,}", total=None, unit="documents") as bar:
        for stream in texts.values():
            for batch in batches(stream):
                ids_T, lengths_D = encode_flat(encoder, batch)
                lengths.append(lengths_D)
                counts_N += np.bincount(ids_T[ids_T >= first] - first, minlength=new_tokens)
                bar.advance(len(batch))
    return np.concatenate(lengths), counts_N


@dataclass(frozen=True)
class _Held:
    """The texts' documents: file of each; columns of characters, bytes, and tokens at each size."""

    names: list[str]
    file_D: Ints
    columns_DK: Ints

    @classmethod
    def read(cls, texts: Mapping[str, Iterable[str]], tokens_DZ: Ints) -> _Held:
        files: list[int] = []
        sizes: list[tuple[int, int]] = []
        for at, stream in enumerate(texts.values()):
            for batch in batches(stream):
                files += [at] * len(batch)
                sizes += [(len(text), len(text.encode())) for text in batch]
        if not sizes or not tokens_DZ.sum():
            raise InputError(f"no text to measure on in {', '.join(texts) or 'no file'}")
        columns = np.concatenate([np.asarray(sizes, dtype=np.int64), tokens_DZ], axis=1)
        return cls(list(texts), np.asarray(files, dtype=np.int64), columns)

    def budget_characters(self, budget: Budget) -> float:
        characters, bytes_, base = self.columns_DK.sum(axis=0).tolist()[:3]
        return budget.characters(bytes_per_character=bytes_ / characters, base_characters_per_token=characters / base)

    def row(
        self,
        at: int,
        sizes: Sequence[int],
        inside: float,
        budget_characters: float,
        shape: ModelShape,
        seen: TimesSeen | None,
    ) -> SizeRow:
        totals = self.columns_DK.sum(axis=0).tolist()
        characters, base, before, own = totals[0], totals[2], totals[max(1 + at, 2)], totals[2 + at]
        step = (sizes[at] - sizes[at - 1]) / 1000 if at else 1.0
        drawn = resampled_totals(self.columns_DK)
        intervals: list[Interval | None] = [None, None, None]
        if drawn is not None:
            own_R = drawn[:, 2 + at]
            steps_R = (drawn[:, max(1 + at, 2)] / own_R - 1) / step
            intervals = [interval_of(drawn[:, 0] / own_R), interval_of(drawn[:, 2] / own_R), interval_of(steps_R)]
        return SizeRow(
            new_tokens=sizes[at],
            characters_per_token=characters / own,
            characters_per_token_interval=intervals[0],
            gain=base / own,
            gain_interval=intervals[1],
            step_gain_per_1000=(before / own - 1) / step,
            step_gain_per_1000_interval=intervals[2],
            by_file=self._by_file(at),
            boundaries_inside=inside,
            tokens_to_train=budget_characters * own / characters,
            tokens_saved=budget_characters * (base - own) / characters,
            costs=costs_of(shape, sizes[at], base_tokens=base, tokens=own, characters=characters),
            times_seen=seen,
        )

    def _by_file(self, at: int) -> dict[str, float]:
        characters = np.bincount(self.file_D, weights=self.columns_DK[:, 0], minlength=len(self.names)).tolist()
        tokens = np.bincount(self.file_D, weights=self.columns_DK[:, 2 + at], minlength=len(self.names)).tolist()
        return {name: c / t for name, c, t in zip(self.names, characters, tokens, strict=True) if t}
