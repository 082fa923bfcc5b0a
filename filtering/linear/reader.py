"""Reads windows of several texts for several linear models: every n-gram is hashed once, and looked up once for all.

Shape suffixes: K models, W windows, N n-grams of a window, L characters of a window.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from hanhua.filtering.linear.features import WINDOW_CHARACTERS, window_columns
from hanhua.filtering.linear.margins import Weights, unused_bits
from hanhua.filtering.linear.windows import Margins, Plan
from hanhua.zh_text.folding import Codes

PART_WINDOWS = 64
"""Windows read at a time: what becomes of them stays in the cache of the core."""


class Reader:
    """The weights of several models side by side. A model of fewer columns has each of its weights several times."""

    def __init__(self, models: Sequence[tuple[Weights, float]]) -> None:
        columns = max(len(weights) for weights, _ in models)
        self._unused_bits = unused_bits(columns)
        self._weights = np.stack([np.repeat(weights, columns // len(weights)) for weights, _ in models], axis=1)
        self._intercepts = np.array([intercept for _, intercept in models], dtype=np.float32)

    def read(self, codes: Codes, texts: Sequence[tuple[int, int, Plan]]) -> list[Margins]:
        """Return the margins [K, W] of the windows of each text, as `window_margins` has them, to the last bit.

        codes: folded code points. texts: where each begins in them, its length, and the windows to read.
        """
        by_length: dict[int, list[int]] = defaultdict(list)
        for number, (_, length, _) in enumerate(texts):
            by_length[min(length, WINDOW_CHARACTERS)].append(number)
        found: list[Margins] = [self._intercepts] * len(texts)
        for length, numbers in by_length.items():
            starts = [texts[number][2].starts for number in numbers]
            counts = list(map(len, starts))
            begins = np.repeat([texts[number][0] for number in numbers], counts)
            places = (np.concatenate(starts) + begins)[:, None] + np.arange(length)
            margins, end = self._margins(codes[places]), 0
            for number, count in zip(numbers, counts, strict=True):
                found[number] = margins[:, end : end + count]
                end += count
        return found

    def _margins(self, windows_WL: Codes) -> Margins:
        parts = (windows_WL[begin : begin + PART_WINDOWS] for begin in range(0, len(windows_WL), PART_WINDOWS))
        return np.concatenate(list(map(self._of_part, parts)), axis=1)

    def _of_part(self, windows_WL: Codes) -> Margins:
        columns_WN = window_columns(windows_WL)
        if self._unused_bits:
            columns_WN >>= self._unused_bits
        # Side by side in memory again, as a sum of many small numbers depends on their order.
        weights_KWN = np.ascontiguousarray(self._weights.take(columns_WN, axis=0, mode="clip").transpose(2, 0, 1))
        scale = np.float32(math.sqrt(max(columns_WN.shape[1], 1)))
        margins: Margins = weights_KWN.sum(axis=2) / scale + self._intercepts[:, None]
        return margins
