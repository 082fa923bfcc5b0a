"""Which candidates become tokens, so that each is reached by merges alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from hanhua.bits import bytes_to_token
from hanhua.vocab_extension.tokenizer_json import BpeFile

_NEVER = 1 << 60


class Reached(NamedTuple):
    """A token and the two pieces its last merge joins."""

    token: bytes
    left: bytes
    right: bytes


def base_pieces(file: BpeFile, tokens: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """Return the pieces the base's merges alone make of each token, worked out on bytes.

    Decoding first would turn a partial character into U+FFFD and pieces into nonsense.
    """
    listed = list(tokens)
    encoded = file.by_merges_alone([bytes_to_token(token) for token in listed])
    return {token: [file.bytes_of[id_] for id_ in ids] for token, ids in zip(listed, encoded, strict=True)}


def reachable(candidates: Iterable[bytes], pieces_of: Mapping[bytes, list[bytes]]) -> list[Reached]:
    """Keep, in order, the candidates that the merges of the base and of those kept before bring to two pieces.

    Any two neighbors that together spell a kept token merge (`extend.all_splits`), so a candidate whose
    expected half was dropped is kept when another pair of pieces spells it, and dropped when none does.
    What comes later ranks lower and cannot undo this.
    """
    ranks: dict[bytes, int] = {}
    kept = []
    for candidate in candidates:
        pieces = merge_pieces(pieces_of[candidate], ranks)
        if len(pieces) == 2 and candidate not in ranks:
            kept.append(Reached(candidate, *pieces))
            ranks[candidate] = len(ranks)
    return kept


def merge_pieces(pieces: list[bytes], ranks: Mapping[bytes, int]) -> list[bytes]:
    """Merge neighbors as BPE does, lowest rank first and leftmost among equals.

    >>> merge_pieces([b"a", b"b", b"c"], {b"bc": 0, b"ab": 1})
    [b'a', b'bc']
    """
    pieces = list(pieces)
    while len(pieces) > 1:
        found = [ranks.get(a + b, _NEVER) for a, b in pairwise(pieces)]
        best = min(found)
        if best == _NEVER:
            break
        at = found.index(best)
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
    return pieces
