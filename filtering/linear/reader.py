"""Reads windows of several texts for several linear models: every n-gram is hashed once, and looked up once for all.

Shape suffixes: K models, W windows, N n-grams of a window, L characters of a window.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from hanhua.filtering.linear.features import WINDOW_CHARACTERS, cut_windows, window_columns
from hanhua.filtering.linear.margins import Weights, unused_bits
from hanhua.filtering.linear.windows import Margins, Plan
from hanhua.zh_text.folding import Codes


class Reader:
    """The weights of several models side by side. A model of fewer columns has each of its weights several times."""

    def __init__(self, models: Sequence[tuple[Weights, float]]) -> None:
        columns = max(len(weights) for weights, _ in models)
        self._unused_bits = unused_bits(columns)
        self._weights = np.stack([np.repeat(weights, columns // len(weights)) for weights, _ in models], axis=1)
        self._intercepts = np.array([intercept for _, intercept in models], dtype=np.float32)

    def read(self, texts: Sequence[tuple[Codes, Plan]]) -> list[Margins]:
        """Return the margins [K, W] of the windows of each text, given as folded code points.

        As `window_margins` has them one by one, to the last bit.
        """
        by_length: dict[int, list[int]] = defaultdict(list)
        for number, (codes, _) in enumerate(texts):
            by_length[min(len(codes), WINDOW_CHARACTERS)].append(number)
        margins: list[Margins] = [np.zeros((0, 0), dtype=np.float32)] * len(texts)
        for numbers in by_length.values():
            windows = [cut_windows(texts[number][0], texts[number][1].starts) for number in numbers]
            ends = np.cumsum(list(map(len, windows)))[:-1]
            found = np.split(self._margins(np.concatenate(windows)), ends, axis=1)
            for number, one in zip(numbers, found, strict=True):
                margins[number] = one
        return margins

    def _margins(self, windows_WL: Codes) -> Margins:
        columns_WN = window_columns(windows_WL)
        columns_WN >>= self._unused_bits
        # Side by side in memory again, as a sum of many small numbers depends on their order.
        weights_KWN = np.ascontiguousarray(self._weights.take(columns_WN, axis=0).transpose(2, 0, 1))
        scale = np.float32(math.sqrt(max(columns_WN.shape[1], 1)))
        margins: Margins = weights_KWN.sum(axis=2) / scale + self._intercepts[:, None]
        return margins
