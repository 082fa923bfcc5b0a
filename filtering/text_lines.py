"""Where the lines of texts are, for several texts at once.

Sizes are in brackets: D documents, C characters, L lines of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from hanhua.filtering.joined import Joined, Marks, Positions

_LINE_FEED = 10
_TABLE_SIZE = 0x3001
"""No white space is beyond U+3000."""


@dataclass(frozen=True)
class Lines:
    """The lines of joined texts, in order, as a split at line feeds has them.

    starts, ends [L]: where each stands in the joined texts, without its line feed. firsts [D + 1]: the number of the
    first line of each text, and that of all lines.
    """

    texts: Joined
    starts: Positions
    ends: Positions
    firsts: Positions

    @cached_property
    def _stripped(self) -> tuple[Positions, Positions]:
        visible = np.append(np.flatnonzero(~_is_space().take(self.texts.codes, mode="clip")), len(self.texts.codes))
        firsts, lasts = np.searchsorted(visible, self.starts), np.searchsorted(visible, self.ends) - 1
        blank = firsts > lasts
        return np.where(blank, self.starts, visible[firsts]), np.where(blank, self.starts, visible[lasts] + 1)

    @property
    def begins(self) -> Positions:
        """Where each line begins that is more than white space [L]; `starts` of the others."""
        return self._stripped[0]

    @property
    def stops(self) -> Positions:
        """Where each line ends without the white space behind it [L]; `begins` where it is nothing else."""
        return self._stripped[1]

    def counts(self, marks: Marks) -> list[int]:
        """Return, of each text, how many of its lines are marked. marks: [L]."""
        counts: list[int] = np.diff(np.searchsorted(np.flatnonzero(marks), self.firsts)).tolist()
        return counts

    @cached_property
    def filled(self) -> list[int]:
        """How many lines of each text hold something [D]."""
        return self.counts(self.stops > self.begins)


def find_lines(texts: Joined) -> Lines:
    """Return the lines of joined texts."""
    feeds = np.flatnonzero(texts.codes == _LINE_FEED)
    starts = np.sort(np.concatenate([texts.starts[:-1], feeds + 1]))
    ends = np.sort(np.concatenate([feeds, texts.starts[1:]]))
    firsts = np.searchsorted(feeds, texts.starts) + np.arange(len(texts.starts))
    return Lines(texts, starts, ends, firsts)


@cache
def _is_space() -> Marks:
    # The last is what `clip` reads for all beyond: no space, as U+3000 is one before it.
    return np.array([*(chr(code).isspace() for code in range(_TABLE_SIZE)), False])
