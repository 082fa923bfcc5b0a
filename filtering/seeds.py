"""Which of several texts need no search, since nothing in them begins what is looked for.

A search for a pattern takes microseconds for each text that has nothing of it, which is nearly every text. All pairs of
neighbors of all texts are looked up in one table instead, and the few that are in it, with what follows, in two more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from hanhua.filtering.document import Drafts
from hanhua.filtering.joined import Joined, Positions
from hanhua.zh_text.folding import Codes, code_points

SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
"""What `\\s` matches."""
_BASE = np.uint32(0x9E3779B1)
_SHIFT = np.uint32(16)
_BITS = np.uint64(21)
_TABLE_SIZE = 1 << 16
_IS_SEED, _BEGINS_SEED = np.uint8(1), np.uint8(2)
Hashes = npt.NDArray[np.uint16]


class Seeds:
    """The first characters, up to three, of everything that some searches may find, in all spellings.

    families: those of each search.
    """

    def __init__(self, *families: Iterable[str]) -> None:
        bits: dict[str, int] = {}
        for number, beginnings in enumerate(families):
            for beginning in beginnings:
                bits[beginning[:3]] = bits.get(beginning[:3], 0) | 1 << number
        self._one = [ord(seed) for seed in bits if len(seed) == 1]
        pairs, triples = (_columns([seed for seed in bits if len(seed) == size], size) for size in (2, 3))
        self._first, self._third = np.zeros(_TABLE_SIZE, dtype=np.uint8), np.zeros(_TABLE_SIZE, dtype=bool)
        hashes = _hashes(triples[0], triples[1])
        self._first[_hashes(*pairs)] = _IS_SEED
        self._first[hashes] |= _BEGINS_SEED
        self._third[_hashes(hashes, triples[2])] = True
        keys = np.concatenate([_keys(*pairs), _keys(*triples)])
        order = np.argsort(keys)
        seeds = [seed for size in (2, 3) for seed in bits if len(seed) == size]
        self._keys = keys[order]
        self.seeds = [*(seeds[number] for number in order.tolist()), *map(chr, self._one)]
        """All of them: what `places` gives the numbers of."""
        self._values = np.array([bits[seed] for seed in self.seeds], dtype=np.int64)

    def bits(self, texts: Joined) -> list[int]:
        """Return, of each text, the searches of which a seed stands in it: 1 for the first, 2, 4 and so on."""
        bits = [0] * len(texts.bounds)
        places, seeds = self.places(texts)
        for owner, bit in zip(texts.owners(places).tolist(), self._values[seeds].tolist(), strict=True):
            bits[owner] |= bit
        return bits

    def places(self, texts: Joined) -> tuple[Positions, Positions]:
        """Return where in the joined texts seeds stand, in no order, and the number of each in `seeds`.

        One that begins within a text may end in the next.
        """
        codes = texts.codes
        hashes = _hashes(codes[:-1], codes[1:])
        kinds = self._first.take(hashes)
        places = np.flatnonzero(kinds > 0)
        kinds, thirds = kinds[places], codes.take(places + 2, mode="clip")
        # Few are left after the second table; what only hashes alike is told from what is the same by its characters.
        begun = places[((kinds & _BEGINS_SEED) > 0) & self._third.take(_hashes(hashes[places], thirds))]
        begun = begun[begun < len(codes) - 2]
        whole = places[(kinds & _IS_SEED) > 0]
        keys = [_keys(codes[whole], codes[whole + 1])]
        keys.append(_keys(codes[begun], codes[begun + 1], codes.take(begun + 2, mode="clip")))
        asked, at = np.concatenate(keys), np.concatenate([whole, begun])
        numbers = np.searchsorted(self._keys, asked)
        same = self._keys.take(numbers, mode="clip") == asked
        found, seeds = [at[same]], [numbers[same]]
        for number, code in enumerate(self._one, len(self._keys)):
            found.append(np.flatnonzero(codes == code))
            seeds.append(np.full(len(found[-1]), number))
        return np.concatenate(found), np.concatenate(seeds)


_families: list[list[str]] = []


@cache
def _seeds_of_all() -> Seeds:
    return Seeds(*_families)


class Family:
    """The seeds of one search through texts as they are; they are looked up together with those of all families."""

    def __init__(self, beginnings: Iterable[str]) -> None:
        self._bit = 1 << len(_families)
        _families.append(list(beginnings))
        _seeds_of_all.cache_clear()

    def begin_in(self, drafts: Drafts) -> list[bool]:
        """Return whether one of them may stand in each text; a view."""
        if drafts.joined.few:
            return [True] * len(drafts)
        return [bits & self._bit > 0 for bits in drafts.view(_bits)]


def _bits(drafts: Drafts) -> list[int]:
    return _seeds_of_all().bits(drafts.joined)


def pairs(firsts: Iterable[str], seconds: Iterable[str]) -> list[str]:
    """Return each of the firsts with each of the seconds behind it."""
    return ["".join(pair) for pair in product(firsts, seconds)]


def _columns(seeds: Sequence[str], size: int) -> list[Codes]:
    return list(code_points("".join(seeds)).reshape(-1, size).T)


def _hashes(firsts: Codes | Hashes, seconds: Codes) -> Hashes:
    hashes: Hashes = (((firsts * _BASE) ^ seconds) * _BASE >> _SHIFT).astype(np.uint16)
    return hashes


def _keys(*codes: Codes) -> npt.NDArray[np.uint64]:
    keys = np.zeros(len(codes[0]), dtype=np.uint64)
    for one in codes:
        keys = keys << _BITS | one
    return keys
