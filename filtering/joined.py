"""Several texts as one array of code points, so that one numpy call serves them all.

On a text of a thousand characters a call of numpy costs as much as its work; on twenty such texts, a twentieth.
Sizes are in brackets: D documents, C characters of all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hanhua.zh_text.folding import Codes, Folded, Offsets, code_points, fold_joined
from hanhua.zh_text.matcher import Hit

Positions = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Joined:
    """Texts one after another. codes [C]. starts [D + 1]: where each begins, and where the last one ends."""

    codes: Codes
    starts: Positions

    @cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """Where each text begins and ends."""
        return list(pairwise(self.starts.tolist()))

    @property
    def few(self) -> bool:
        """Whether they are so few and short that looking at each costs less than looking at all in one go."""
        return len(self.bounds) <= 2 and len(self.codes) <= 4000

    def of(self, number: int) -> Codes:
        """Return the code points of one text."""
        begin, end = self.bounds[number]
        return self.codes[begin:end]

    def counts(self, marks: Marks, *, head: int | None = None) -> list[int]:
        """Return, of each text, how many of its characters, or of the first `head`, are marked. marks: [C]."""
        ends = self.starts[1:] if head is None else np.minimum(self.starts[1:], self.starts[:-1] + head)
        places = np.flatnonzero(marks)
        counts: list[int] = (np.searchsorted(places, ends) - np.searchsorted(places, self.starts[:-1])).tolist()
        return counts

    def owners(self, places: Positions) -> Positions:
        """Return which text each of some places is in."""
        owners: Positions = np.searchsorted(self.starts, places, side="right") - 1
        return owners

    @cached_property
    def text(self) -> str:
        """All of them as one string."""
        return self.codes.tobytes().decode("utf-32-le", "surrogatepass")

    def cut(self, lengths: Sequence[int]) -> Joined:
        """Return the first so many characters of each text."""
        starts = starts_of(lengths)
        if starts[-1] == len(self.codes):
            return Joined(self.codes, self.starts)
        parts = [self.codes[begin : begin + length] for (begin, _), length in zip(self.bounds, lengths, strict=True)]
        return Joined(np.concatenate(parts), starts)

    def find(self, search: Callable[[str], Iterable[Hit]]) -> list[list[Hit]]:
        """Return the hits in each text of one search through all of them; a hit across the end of a text is none."""
        found: list[list[Hit]] = [[] for _ in self.bounds]
        starts = self.starts.tolist()
        for hit in search(self.text) if len(self.codes) else ():
            owner = bisect_right(starts, hit.start) - 1
            begin, end = self.bounds[owner]
            if hit.end <= end:
                found[owner].append(Hit(hit.term, hit.start - begin, hit.end - begin))
        return found


def join(texts: Sequence[str]) -> Joined:
    """Return the code points of texts."""
    return Joined(code_points("".join(texts)), starts_of(list(map(len, texts))))


def starts_of(lengths: Sequence[int]) -> Positions:
    """Return where stretches of these lengths begin, and where the last one ends.

    >>> starts_of([3, 0, 2]).tolist()
    [0, 3, 3, 5]
    """
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


@dataclass(frozen=True)
class JoinedFolds(Joined):
    """Folded texts one after another. offsets [C]: where in the joined originals each character is from."""

    offsets: Offsets
    originals: Positions

    def folded(self, number: int) -> Folded:
        """Return the folded view of one text, with offsets into its own original."""
        text = self.of(number).tobytes().decode("utf-32-le", "surrogatepass")
        return Folded(text, self.offsets_of(number))

    def offsets_of(self, number: int) -> Offsets:
        """Return where in its original each character of a text is from."""
        begin, end = self.bounds[number]
        offsets: Offsets = self.offsets[begin:end] - self.originals[number]
        return offsets


def fold_all(texts: Joined) -> JoinedFolds:
    """Fold all texts."""
    codes, offsets, starts = fold_joined(texts.codes, texts.starts)
    return JoinedFolds(codes, starts, offsets, texts.starts)
