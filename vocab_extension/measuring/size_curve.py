"""How many tokens a text takes at every size of a learned list, from one encoding of it with the whole list.

Shape suffix: N new tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hanhua.vocab_extension.config import ROUND_TO
from hanhua.vocab_extension.learning.choose import base_pieces, merge_pieces
from hanhua.vocab_extension.measuring.document_counts import Ints
from hanhua.vocab_extension.tokenizer_json import BpeFile

STEP = 1024


@dataclass(frozen=True)
class LastStep:
    """The first size at which `STEP` more tokens save less than a share of the tokens, and the share they do save."""

    new_tokens: int
    saved: float


@dataclass(frozen=True)
class SizeCurve:
    """The tokens of the measured texts at each of some sizes, which go up by `STEP`."""

    sizes: tuple[int, ...]
    tokens: tuple[int, ...]

    def first_below(self, share: float) -> LastStep | None:
        """Return the first size whose next step saves less than `share`; None when every step saves more."""
        for size, before, after in zip(self.sizes, self.tokens, self.tokens[1:], strict=False):
            if before - after < share * before:
                return LastStep(size, (before - after) / max(before, 1))
        return None


def size_curve(base: BpeFile, tokens: Sequence[bytes], counts_N: Ints, total: int) -> SizeCurve:
    """Return the curve of one text at sizes `STEP` apart, each leaving the vocabulary a multiple of 256.

    counts_N: how often each new token is met when all are there; total: the tokens of the text then.
    """
    every = tokens_at_every_size(base, tokens, counts_N, total)
    wanted = ((base.size + n) // ROUND_TO * ROUND_TO - base.size for n in range(STEP, len(tokens) + 1, STEP))
    sizes = tuple(dict.fromkeys((0, *(max(size, 0) for size in wanted))))
    return SizeCurve(sizes, tuple(int(every[size]) for size in sizes))


def tokens_at_every_size(base: BpeFile, tokens: Sequence[bytes], counts_N: Ints, total: int) -> Ints:
    """Return the number of tokens of a text with none, one, … all of the new tokens: N + 1 numbers.

    Without its last new token a list encodes as with it, but for the places where that token is met: there stand the
    pieces that the merges before it make of its bytes. What stands beside it changes nothing, since a piece that
    reached over its end would have kept it from being made. So tokens are taken apart from the last to the first.
    """
    pieces_of = base_pieces(base, tokens)
    ranks: dict[bytes, int] = {}
    made_of: list[list[bytes]] = []
    for token in tokens:
        made_of.append(merge_pieces(pieces_of[token], ranks))
        ranks.setdefault(token, len(ranks))
    met: list[int] = counts_N.tolist()
    sizes = np.zeros(len(tokens) + 1, dtype=np.int64)
    sizes[-1] = total
    for n in range(len(tokens) - 1, -1, -1):
        sizes[n] = sizes[n + 1] + met[n] * (len(made_of[n]) - 1)
        for piece in made_of[n]:
            if piece in ranks:
                met[ranks[piece]] += met[n]
    return sizes
