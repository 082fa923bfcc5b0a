"""Whether this process was started together with others, by accelerate, torchrun or this package itself."""

from __future__ import annotations

import os


def is_launched() -> bool:
    """Return whether a launcher started this process, be it as the only one: it has a rank then."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def process_count() -> int:
    """Return how many processes were started together; 1 for one alone."""
    return int(os.environ["WORLD_SIZE"]) if is_launched() else 1


def rank() -> int:
    """Return the place of this process among those that were started together; 0 for one alone."""
    return int(os.environ["RANK"]) if is_launched() else 0
