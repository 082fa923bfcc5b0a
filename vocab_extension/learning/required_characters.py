"""Sets of common characters, each of which can be promised a token of its own; all out of Python's codecs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hanhua.errors import InputError
from hanhua.vocab_extension.learning.choose import base_pieces
from hanhua.vocab_extension.tokenizer_json import BpeFile
from hanhua.zh_text.scripts import is_encoded_in, is_han, is_han_prefix

HONG_KONG = "嘅咗喺哋啲嚟嗰瞓冇佢咁啱揾攞嘢唔乜嘥睇咩"
"""Characters of written Cantonese."""


def _decoded(codec: str, leads: Iterable[int], trails: Iterable[int]) -> list[str]:
    rows = [bytes([lead, trail]) for lead in leads for trail in trails]
    decoded = (row.decode(codec, errors="ignore") for row in rows)
    return [character for character in decoded if len(character) == 1 and is_han(character)]


_BIG5_TRAILS = (*range(0x40, 0x7F), *range(0xA1, 0xFF))
COVERS: Mapping[str, Callable[[], list[str]]] = {
    # GB 2312-1980: level 1 is rows 16–55 (3,755 characters by pronunciation), level 2 rows 56–87 (3,008 by radical).
    "gb2312-1": lambda: _decoded("gb2312", range(0xB0, 0xD8), range(0xA1, 0xFF)),
    "gb2312": lambda: _decoded("gb2312", range(0xB0, 0xF8), range(0xA1, 0xFF)),
    # Big5 level 1: A440–C67E, 5,401 characters.
    "big5-1": lambda: [c for c in _decoded("big5", range(0xA4, 0xC7), _BIG5_TRAILS) if c.encode("big5") <= b"\xc6\x7e"],
    "hongkong": lambda: [c for c in HONG_KONG if is_encoded_in(c, "big5hkscs")],
}


def characters_of(names: Iterable[str]) -> list[str]:
    """Return the characters of some sets, in their standard's order, each once."""
    listed: dict[str, None] = {}
    for name in names:
        listed.update(dict.fromkeys(COVERS[name]()))
    return list(listed)


def tokens_required(file: BpeFile, names: Iterable[str], *, room: int) -> list[bytes]:
    """Return what must be joined, in order, for every character of the sets to be one token.

    A character that the base spells with three tokens needs its first bytes as a token too; that one serves
    up to 64 characters, all of them Han. Raises InputError when there is not `room` for so many.
    """
    known = set(file.bytes_of.values())
    missing = [c.encode() for c in characters_of(names) if c.encode() not in known]
    wanted: dict[bytes, None] = {}
    for character, pieces in base_pieces(file, missing).items():
        for at in range(2, len(pieces)):
            beginning = b"".join(pieces[:at])
            if not is_han_prefix(beginning):
                break
            wanted[beginning] = None
        else:
            wanted[character] = None
    if len(wanted) > room:
        raise InputError(
            f"required_characters {', '.join(names)}: {len(wanted):,} tokens are needed, "
            f"and only {room:,} are asked for"
        )
    return list(wanted)
