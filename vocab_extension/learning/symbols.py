"""Numbers for the strings that merges join: 1 to n for base tokens, then one for each product; 0 for the cut.

A product gets a number for every number of base tokens it is made of, since a token's length in base tokens is how
the trainer walks from one token to its neighbors.

Shape suffix: V numbers given so far, and room for more; in `of_base_V` the base's token ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from hanhua.vocab_extension.learning.token_pattern import TokenPattern

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
CUT = 0


class Symbols:
    """Strings by number, with what decides whether two may be joined, as arrays."""

    def __init__(self, base: Mapping[int, bytes], pattern: TokenPattern, capacity: int) -> None:
        self._pattern = pattern
        self.bytes_of: list[bytes] = [b""]
        self._numbers: dict[bytes, list[int]] = {}
        size = len(base) + capacity + 1
        self.cells_V = np.ones(size, dtype=np.int64)
        self._characters_V = np.zeros(size, dtype=np.int16)
        self._marked_V = np.zeros(size, dtype=bool)
        self._starts_inside_V = np.zeros(size, dtype=bool)
        self._ends_inside_V = np.zeros(size, dtype=bool)
        self.of_base_V = np.zeros(max(base) + 1, dtype=np.int32)
        for id_, data in sorted(base.items()):
            if pattern.form_of(data) is not None:
                self.of_base_V[id_] = self.add(data, cells=1)
        self.base_numbers = len(self.bytes_of)

    def add(self, data: bytes, *, cells: int) -> int:
        """Give a string of so many base tokens its number."""
        number = len(self.bytes_of)
        symbol = self._pattern.form_of(data)
        if symbol is None:
            raise ValueError(f"{data!r} has no symbol that a token may have")
        self.bytes_of.append(data)
        self._numbers.setdefault(data, []).append(number)
        if number >= len(self.cells_V):
            self._grow()
        self.cells_V[number] = cells
        self._characters_V[number] = symbol.characters
        self._marked_V[number] = symbol.marked
        self._starts_inside_V[number] = symbol.starts_inside
        self._ends_inside_V[number] = symbol.ends_inside
        return number

    def __contains__(self, data: bytes) -> bool:
        return data in self._numbers

    def splits(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield every pair of numbers whose strings together are `data`."""
        for at in range(1, len(data)):
            for left in self._numbers.get(data[:at], ()):
                for right in self._numbers.get(data[at:], ()):
                    yield left, right

    def joinable(self, left: Ints, right: Ints) -> Bools:
        """Return which pairs make a string that may be a token."""
        whole = ~(self._ends_inside_V[left] | self._starts_inside_V[right] | self._ends_inside_V[right])
        characters = self._characters_V[left] + self._characters_V[right]
        right_is_han = ~self._marked_V[right] & (self._characters_V[right] > 0)
        fine: Bools = whole & right_is_han & (characters <= self._pattern.max_characters) & ~self._starts_inside_V[left]
        # Pairs that share a character are few; their bytes decide.
        for n in np.flatnonzero(~whole).tolist():
            fine[n] = self._pattern.is_wanted(self.bytes_of[left[n]] + self.bytes_of[right[n]])
        return fine

    def room_beside(self, left: Ints, right: Ints, *, before: bool) -> Ints:
        """Return how many characters a neighbor may have for which the product of two might be joined with it.

        Too many rather than too few; −1 for none. before: the neighbor stands on the left.
        """
        room: Ints = self._pattern.max_characters - self._characters_V[left] - self._characters_V[right]
        # Of two that are joined the right one begins with no mark.
        return np.where(self._marked_V[left], -1, room) if before else room

    def fits(self, neighbor: npt.NDArray[np.int32], room: Ints, *, before: bool) -> Bools:
        """Return which neighbors are tokens that fit into the room beside a product."""
        fits: Bools = (neighbor > CUT) & (self._characters_V.take(neighbor) <= room)
        return fits if before else fits & ~self._marked_V.take(neighbor)

    def _grow(self) -> None:
        for name in ("cells_V", "_characters_V", "_marked_V", "_starts_inside_V", "_ends_inside_V"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate((old, np.zeros_like(old))))
