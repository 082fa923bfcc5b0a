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
    def spaces(self) -> Marks:
        """Which characters of the texts are white space [C]."""
        return _is_space().take(self.texts.codes, mode="clip")

    @cached_property
    def _stripped(self) -> tuple[Positions, Positions]:
        # Where each run of white space begins and ends: there are few, so nothing is looked up among all characters.
        places = np.flatnonzero(self.spaces)
        parted = np.flatnonzero(np.diff(places) != 1) + 1
        firsts = places[np.concatenate([np.zeros(min(len(places), 1), dtype=np.int64), parted])]
        ends = np.concatenate([places[parted - 1], places[-1:]]) + 1
        # Before the first run is another that holds nothing.
        firsts, ends = np.concatenate([[-2], firsts]), np.concatenate([[-2], ends])
        before = np.searchsorted(firsts, self.starts, side="right") - 1
        begins = np.maximum(self.starts, ends[before])
        behind = np.searchsorted(firsts, self.ends - 1, side="right") - 1
        stops = np.where(ends[behind] >= self.ends, firsts[behind], self.ends)
        blank = begins >= self.ends
        return np.where(blank, self.starts, begins), np.where(blank, self.starts, stops)

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
