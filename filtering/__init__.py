"""Filtering: from people's files to a clean Corpus, with a reason for everything that is left out.

Imports nothing heavy, and no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanhua import on_demand
from hanhua.filtering.config import FilteringConfig

if TYPE_CHECKING:
    from hanhua.filtering.harm import build_harm_scorer
    from hanhua.filtering.stage import filter_corpora

__all__ = [
    "FilteringConfig",
    "build_harm_scorer",
    "filter_corpora",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "stage": "filter_corpora",
            "harm": "build_harm_scorer",
        },
    )
