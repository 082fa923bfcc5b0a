"""What each new token is made of: base tokens, found on bytes by the base's merges alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hanhua.bits import bytes_to_token
from hanhua.errors import InputError
from hanhua.vocab_extension.proof.samples import HAS_HAN
from hanhua.vocab_extension.tokenizer_json import BpeFile, encode_all

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """What the rows of new tokens are made from.

    pieces: for each new token the ids of its base tokens. weights: how many characters each piece is, in parts of a
    character where it is no whole one. han_ids: base tokens of Han text, whose rows are the yardstick of the script.
    """

    pieces: Sequence[Sequence[int]]
    weights: Sequence[Sequence[float]]
    han_ids: Ids


def plan_rows(bpe: BpeFile, first: int, size: int) -> Plan:
    """Cut each new token (ids `first` to `size`) of an extended file into base tokens."""
    tokens = [bpe.bytes_of.get(id_) for id_ in range(first, size)]
    if None in tokens:
        raise InputError(
            f"{bpe.place}: id {first + tokens.index(None)} is no ordinary token; run vocab-extension verify"
        )
    base = base_part(bpe, first)
    spelled = [token for token in tokens if token is not None]
    pieces = list(encode_all(base.merges_only_encoder(), (bytes_to_token(token) for token in spelled)))
    weights = [
        character_weights(token, [len(base.bytes_of[id_]) for id_ in ids])
        for token, ids in zip(spelled, pieces, strict=True)
    ]
    han = [id_ for id_, data in base.bytes_of.items() if _is_han(data)]
    return Plan(pieces, weights, np.array(han, dtype=np.int64))


def base_part(bpe: BpeFile, first: int) -> BpeFile:
    """Return the base an extended file holds: ids below `first`, and the merges among them."""
    vocab = {token: id_ for token, id_ in bpe.vocab.items() if id_ < first}
    kept = [merge for merge in bpe.merges if "".join(merge) in vocab]
    merges = [list(merge) for merge in kept if merge[0] in vocab and merge[1] in vocab]
    return BpeFile(bpe.place, {**bpe.data, "model": {**bpe.data["model"], "vocab": vocab, "merges": merges}})


def character_weights(token: bytes, lengths: Sequence[int]) -> list[float]:
    """Return how many characters each piece of a token is, a byte counting as its share of its character.

    >>> character_weights(" 你".encode(), [1, 2, 1])
    [1.0, 0.6666666666666666, 0.3333333333333333]
    """
    shares: list[float] = []
    while len(shares) < len(token):
        length = _utf8_length(token[len(shares)])
        shares += [1 / length] * length  # the token may end inside its last character
    starts = [sum(lengths[:n]) for n in range(len(lengths))]
    return [sum(shares[at : at + length]) for at, length in zip(starts, lengths, strict=True)]


def unread_ids(bpe: BpeFile, rows: int) -> Ids:
    """Return the ids below `rows` that no text brings about: special tokens, unreachable ones, rows without a token."""
    listed = [(id_, data) for id_, data in bpe.bytes_of.items() if id_ < rows]
    found = encode_all(bpe.merges_only_encoder(), (bytes_to_token(data) for _, data in listed))
    read = [id_ for (id_, data), ids in zip(listed, found, strict=True) if ids == [id_] and not _never_utf8(data)]
    unread = np.ones(rows, dtype=bool)
    unread[read] = False
    return np.flatnonzero(unread)


def token_name(bpe: BpeFile, id_: int) -> str:
    """Return a token as people know it: its text, its bytes in hex when they are none, its id when it has no token."""
    for token in bpe.added:
        if token["id"] == id_:
            return str(token["content"])
    data = bpe.bytes_of.get(id_)
    if data is None:
        return f"#{id_}"
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"<0x{data.hex().upper()}>"


def _utf8_length(byte: int) -> int:
    return 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4


def _never_utf8(data: bytes) -> bool:
    return any(byte in (0xC0, 0xC1) or byte > 0xF4 for byte in data)


def _is_han(data: bytes) -> bool:
    try:
        return bool(HAS_HAN.search(data.decode()))
    except UnicodeDecodeError:
        return False
