"""Base tokens as single characters, so that a BPE trainer goes on where the base's merges stopped.

A text encoded by the base becomes a string with one private character a token. Training BPE on such strings
is continued BPE: every merge the trainer finds joins two tokens the base left apart.

>>> # 用户名称 → [用户, 名称] → "AB"; the trainer merges A + B; the new token is 用户名称

Only what may end up in a new token gets a character; everything else cuts the string. A rare character that
the base spells with two half tokens (蝴 = E8 9D + B4) gets two characters of its own, used for nothing else.
Their codes are the lowest, and the trainer breaks ties by code, so the halves of a character are always
joined before either half meets a neighbour, and no partial character can become a token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hanhua.vocab_extension.shape import TokenShape

_CUT, _ROW = "\n", "\0"
_FIRST_CODE = 0x100
_SURROGATES = range(0xD800, 0xE000)


@dataclass(frozen=True)
class Aliases:
    """Characters for base tokens, and back.

    of_token: alias by base id, the cut for a token that may be in no new token. halves: the pair of aliases
    a split character gets, by the aliases of its two half tokens. bytes_of: what each alias stands for.
    """

    of_token: list[str]
    halves: dict[str, str]
    bytes_of: dict[str, bytes]
    _half: re.Pattern[str]

    def segments(self, encoded: list[list[int]]) -> Iterator[list[str]]:
        """Yield, for each encoded pre-token, the alias strings in which something could be merged."""
        of_token, halves = self.of_token, self.halves
        # One substitution for the whole batch: a call a string would cost ten times the work.
        lines = _ROW.join(["".join([of_token[id_] for id_ in ids]) for ids in encoded])
        lines = self._half.sub(lambda match: halves.get(match[0], _CUT), lines)
        for line in lines.split(_ROW):
            yield [segment for segment in line.split(_CUT) if len(segment) > 1]

    def spell(self, product: str) -> bytes:
        """Return the bytes an alias string stands for."""
        return b"".join([self.bytes_of[character] for character in product])


def make_aliases(bytes_of: Mapping[int, bytes], shape: TokenShape) -> Aliases:
    """Give every base token that may be part of a new token a character of its own."""
    leads = {i: b for i, b in sorted(bytes_of.items()) if _is_lead(b)}
    tails = {i: b for i, b in sorted(bytes_of.items()) if _is_tail(b)}
    whole = [i for i, b in sorted(bytes_of.items()) if shape.may_be_part(b)]
    pairs = [(i, j) for i, lead in leads.items() for j, tail in tails.items() if shape.is_wanted(lead + tail)]

    of_token = [_CUT] * (max(bytes_of) + 1)
    spelled: dict[str, bytes] = {}
    codes = iter(range(2 * len(pairs), 2 * len(pairs) + len(bytes_of)))
    for id_ in [*whole, *leads, *tails]:
        of_token[id_] = _character(next(codes))
        spelled[of_token[id_]] = bytes_of[id_]
    halves = {}
    for n, (i, j) in enumerate(pairs):
        first, second = _character(2 * n), _character(2 * n + 1)
        halves[of_token[i] + of_token[j]] = first + second
        spelled[first], spelled[second] = leads[i], tails[j]
    lead, tail = _range(of_token[i] for i in leads), _range(of_token[i] for i in tails)
    return Aliases(of_token, halves, spelled, re.compile(f"{lead}{tail}?|{tail}"))


def _is_lead(data: bytes) -> bool:
    """Whether the bytes end inside a character and are otherwise whole."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


def _is_tail(data: bytes) -> bool:
    """Whether the bytes begin inside a character and are otherwise whole."""
    rest = data.lstrip(bytes(range(0x80, 0xC0)))
    if len(rest) == len(data):
        return False
    try:
        rest.decode()
    except UnicodeDecodeError:
        return False
    return True


def _character(number: int) -> str:
    code = _FIRST_CODE + number
    return chr(code if code < _SURROGATES.start else code + len(_SURROGATES))


def _range(characters: Iterable[str]) -> str:
    """Return a character class; the aliases of one kind of token follow one another."""
    found = sorted(characters)
    return f"[{re.escape(found[0])}-{re.escape(found[-1])}]" if found else "(?!)"
