"""Filtering: from people's files to a clean Corpus, with a reason for everything that is left out.

Imports nothing heavy, and no torch.
"""

from hanhua.filtering.config import FilteringConfig

__all__ = ["FilteringConfig"]
