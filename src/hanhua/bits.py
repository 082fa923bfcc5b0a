"""Bytes of tokens, and nats to bits: what lets models with different vocabularies be compared. No torch."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer


@cache
def byte_of_character() -> dict[str, int]:
    """Return GPT-2's byte-level alphabet, character → byte, by which vocabularies spell their tokens.

    Printable Latin-1 bytes stand for themselves; the others are moved to U+0100 and up, in order.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in printable}
    moved = (byte for byte in range(256) if byte not in set(printable))
    table.update({chr(0x100 + i): byte for i, byte in enumerate(moved)})
    return table


@cache
def character_of_byte() -> dict[int, str]:
    """Return the byte-level alphabet, byte → character."""
    return {byte: character for character, byte in byte_of_character().items()}


def token_to_bytes(token: str) -> bytes:
    """Return the bytes a byte-level vocabulary entry stands for.

    >>> token_to_bytes("Ġä½ł").decode()
    ' 你'
    """
    table = byte_of_character()
    return bytes(map(table.__getitem__, token))


def bytes_to_token(data: bytes) -> str:
    """Return the vocabulary spelling of bytes; the inverse of `token_to_bytes`."""
    table = character_of_byte()
    return "".join(map(table.__getitem__, data))


def token_byte_lengths(tokenizer: Tokenizer) -> npt.NDArray[np.int32]:
    """Return the number of UTF-8 bytes of each token, by id, shape (V,); 0 for special tokens.

    Taken from the vocabulary, never from `decode([id])`, which turns a partial character into U+FFFD
    and over-counts bytes by some 4% on Chinese.
    """
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    lengths = np.zeros(max(vocabulary.values()) + 1, dtype=np.int32)
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    for token, id_ in vocabulary.items():
        if token not in special:
            lengths[id_] = len(token)  # one character of the byte-level alphabet is one byte
    return lengths


def bits_of_nats(nats: float) -> float:
    """Return nats in bits."""
    return nats / math.log(2)
