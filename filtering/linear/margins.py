"""What a table of weights says of windows: the sum of their n-grams' weights over the root of the number of n-grams.

Shape suffixes: W windows, N n-grams of a window.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hanhua.filtering.linear.features import MAX_COLUMN_BITS, Columns
from hanhua.filtering.linear.windows import Margins

Weights = npt.NDArray[np.float32]


def is_table_size(columns: int) -> bool:
    """Return whether a table can have that many weights: a power of two, of `MAX_COLUMN_BITS` at most."""
    return 1 < columns <= 1 << MAX_COLUMN_BITS and not columns & (columns - 1)


def unused_bits(columns: int) -> int:
    """Return how many lower bits of a column of `window_columns` a table of that many weights ignores."""
    return MAX_COLUMN_BITS - (columns.bit_length() - 1)


def window_margins(columns_WN: Columns, weights: Weights, intercept: float) -> Margins:
    """Return the margin of each window [W]; its columns are of the table's size."""
    sums: Margins = weights.take(columns_WN).sum(axis=1)
    margins: Margins = sums / np.float32(math.sqrt(max(columns_WN.shape[1], 1))) + np.float32(intercept)
    return margins


def sigmoid(value: float) -> float:
    """Return 1 / (1 + e^-value), without overflow."""
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
