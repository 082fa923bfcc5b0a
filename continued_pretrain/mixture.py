"""Which sequence is trained on when: computed from a seed before the start, so that the data position is one integer.

Shape suffix: S sequences of the whole run.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hanhua.errors import InputError


@dataclass(frozen=True)
class Mixture:
    """The order of training: sequence s of the run is sequence `index_S[s]` of corpus `names[corpus_S[s]]`."""

    names: tuple[str, ...]
    corpus_S: npt.NDArray[np.int16]
    index_S: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.corpus_S)

    def counts(self) -> dict[str, int]:
        """Return how many sequences each corpus gives."""
        return {name: int((self.corpus_S == i).sum()) for i, name in enumerate(self.names)}


def resolve_weights(weights: Mapping[str, float], sequences: Mapping[str, int], *, length: int) -> dict[str, float]:
    """Return the share of each corpus that takes part, summing to 1.

    sequences: whole sequences of `length` tokens by corpus. Without weights, in proportion to size.
    Raises InputError for a corpus without train text or shorter than one sequence, and for names that differ.
    """
    if not sequences:
        raise InputError("the Corpus has no document in its train split, so there is nothing to train on")
    if weights:
        unnamed = sorted(set(sequences) - set(weights))
        if unnamed:
            raise InputError(f"no weight for the corpus {unnamed[0]!r}; weights name: {', '.join(sorted(weights))}")
        wanted = {name: weight for name, weight in weights.items() if weight > 0}
    else:
        wanted = {name: float(count) for name, count in sequences.items()}
    for name, weight in sorted(wanted.items()):
        if name not in sequences:
            raise InputError(
                f"the corpus {name!r} (weight {weight:g}) has no document in the train split; "
                f"corpora with documents: {', '.join(sorted(sequences))}"
            )
        if sequences[name] == 0:
            raise InputError(
                f"the corpus {name!r} is shorter than one sequence of {length:,} tokens: "
                "give it more text, a smaller sequence_length, or weight 0"
            )
    total = sum(wanted.values())
    if total == 0:
        raise InputError(f"every corpus is shorter than one sequence of {length:,} tokens")
    return {name: wanted[name] / total for name in sorted(wanted)}


def run_sequences(
    shares: Mapping[str, float],
    sequences: Mapping[str, int],
    *,
    max_tokens: int | None,
    epochs: float,
    length: int,
    step_sequences: int,
) -> int:
    """Return the sequences of the whole run: whole steps only, and never above `max_tokens`."""
    if max_tokens is not None:
        wanted = max_tokens // length
    else:
        main = max(shares, key=lambda name: shares[name])
        wanted = int(epochs * sequences[main] / shares[main])
    if wanted < step_sequences:
        raise InputError(
            f"{wanted:,} sequences of {length:,} tokens are less than one step of {step_sequences:,}: "
            "give more text, or a smaller sequence_length, micro_batch_size or gradient_accumulation_steps"
        )
    return wanted - wanted % step_sequences


def order_mixture(shares: Mapping[str, float], sequences: Mapping[str, int], *, total: int, seed: int) -> Mixture:
    """Return the order of a run of `total` sequences.

    Each corpus gives its share, spread evenly over the run (so that every batch is close to the mixture);
    within a corpus each pass over it is a new shuffle, and no sequence comes twice before all came once.
    """
    return order_mixtures([(shares, total)], sequences, seed=seed)


def order_mixtures(
    parts: Sequence[tuple[Mapping[str, float], int]], sequences: Mapping[str, int], *, seed: int
) -> Mixture:
    """Return the order of several mixtures one after the other, each of (shares, number of sequences).

    A corpus continues where the previous part left it.
    """
    names = tuple(sorted({name for shares, _ in parts for name in shares}))
    counts = [dict(zip(shares, apportion(list(shares.values()), total), strict=True)) for shares, total in parts]
    corpus: list[list[npt.NDArray[np.int16]]] = [[] for _ in parts]
    index: list[list[npt.NDArray[np.int64]]] = [[] for _ in parts]
    place: list[list[npt.NDArray[np.float64]]] = [[] for _ in parts]
    for i, name in enumerate(names):
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        whole = sum(count.get(name, 0) for count in counts)
        drawn = [random.permutation(sequences[name]) for _ in range(-(-whole // sequences[name]))]
        stream = np.concatenate([*drawn, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        for part, count in enumerate(counts):
            taken = count.get(name, 0)
            index[part].append(stream[:taken])
            corpus[part].append(np.full(taken, i, dtype=np.int16))
            place[part].append((np.arange(taken) + random.random()) / max(taken, 1))
            stream = stream[taken:]
    orders = [np.argsort(np.concatenate(places), kind="stable") for places in place]
    return Mixture(
        names,
        np.concatenate([np.concatenate(c)[order] for c, order in zip(corpus, orders, strict=True)]),
        np.concatenate([np.concatenate(s)[order] for s, order in zip(index, orders, strict=True)]),
    )


def apportion(shares: list[float], total: int) -> list[int]:
    """Split `total` by shares to whole numbers, by largest remainder."""
    exact = [share * total for share in shares]
    counts = [int(x) for x in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts
