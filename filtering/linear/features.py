"""Features of the linear classifier: hashed n-grams of folded characters and of their toneless pinyin, by window.

Pinyin makes a word and its homophones share features (时时彩, 石十采); folding already makes one of what is written
with other marks or in Traditional characters. No list of features is kept: an n-gram's hash is its column. The
hashes are part of every classifier that was saved, so they are here for good, and a test holds their values.

Shape suffixes: W windows, L characters of a window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hanhua.zh_text.folding import Codes
from hanhua.zh_text.pinyin import syllable_codes

Columns = npt.NDArray[np.intp]
Hashes = npt.NDArray[np.uint32]
Positions = npt.NDArray[np.int64]

CHARACTER_ORDERS = (1, 2, 3, 4)
# Single syllables say little, and runs of four are nearly always the characters again.
PINYIN_ORDERS = (2, 3)
MAX_COLUMN_BITS = 20
WINDOW_CHARACTERS = 80
# Odd 32-bit constants: the golden ratio, and the finalizer of murmur3 (Austin Appleby).
_BASE = np.uint32(0x9E3779B1)
_MIX = (np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35))
_ZERO, _NINE = (np.uint32(ord(digit)) for digit in "09")
_PINYIN_SALT, _ORDER_SALT = 0x5BD1E995, 0x85EBCA6B


def window_starts(characters: int) -> Positions:
    """Return where the windows of a text of that many folded characters begin: each overlaps half the next.

    >>> window_starts(100).tolist(), window_starts(30).tolist()
    ([0, 20], [0])
    """
    last = max(characters - WINDOW_CHARACTERS, 0)
    starts: Positions = np.append(np.arange(0, last, WINDOW_CHARACTERS // 2), last).astype(np.int64)
    return starts


def cut_windows(folded: Codes, starts: Positions) -> Codes:
    """Return the windows as rows [W, L]; a text shorter than a window is one row of its own length."""
    length = min(len(folded), WINDOW_CHARACTERS)
    rows: Codes = folded[starts[:, None] + np.arange(length)]
    return rows


def window_columns(windows_WL: Codes) -> Columns:
    """Return the columns [W, N] of every n-gram, of `MAX_COLUMN_BITS`; a smaller table takes their upper bits.

    By kind and order, and within them by where the n-gram begins; orders longer than the window are left out. All
    digits are one: a price or an account is evidence by being there, not by its figures.
    """
    windows_WL = np.where(windows_WL - _ZERO <= _NINE - _ZERO, _ZERO, windows_WL)
    length = windows_WL.shape[1]
    sizes = [length - order + 1 for order in (*CHARACTER_ORDERS, *PINYIN_ORDERS) if order <= length]
    hashes = np.empty((len(windows_WL), sum(sizes)), dtype=np.uint32)
    done = _hash_orders(windows_WL, CHARACTER_ORDERS, 0, hashes)
    _hash_orders(syllable_codes(windows_WL), PINYIN_ORDERS, _PINYIN_SALT, hashes[:, done:])
    _mix(hashes)
    hashes >>= np.uint32(32 - MAX_COLUMN_BITS)
    # What numpy indexes with; any other type is converted at each look-up.
    columns: Columns = hashes.astype(np.intp)
    return columns


def ngram_starts(length: int) -> Positions:
    """Return where in its window each n-gram of `window_columns` begins [N]."""
    orders = [order for order in (*CHARACTER_ORDERS, *PINYIN_ORDERS) if order <= length]
    return np.concatenate([np.arange(length - order + 1) for order in orders] or [np.zeros(0, dtype=np.int64)])


def _hash_orders(codes_WL: Codes, orders: tuple[int, ...], salt: int, into: Hashes) -> int:
    """Write the n-grams' hashes side by side, those of each order in turn; return how many columns that takes."""
    hashes, done = codes_WL, 0
    for order in range(1, min(max(orders), codes_WL.shape[1]) + 1):
        if order > 1:
            # A polynomial over 2^32; the orders share its steps.
            hashes = hashes[:, :-1] * _BASE
            hashes += codes_WL[:, order - 1 :]
        if order in orders:
            # Told apart by the order: 2-grams and 3-grams are no neighbors.
            told = np.uint32((salt + order * _ORDER_SALT) & 0xFFFF_FFFF)
            np.bitwise_xor(hashes, told, out=into[:, done : done + hashes.shape[1]])
            done += hashes.shape[1]
    return done


def _mix(hashes: Hashes) -> None:
    hashes ^= hashes >> np.uint32(16)
    hashes *= _MIX[0]
    hashes ^= hashes >> np.uint32(13)
    hashes *= _MIX[1]
    hashes ^= hashes >> np.uint32(16)
