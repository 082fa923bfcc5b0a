"""The lemma under the proof: which byte strings can stand only in text that has a Han character.

A byte 10xxxxxx goes on with a character; every other byte begins one, and says how long it is. So where the
characters begin inside a byte string S is the same wherever S stands in a text, and every S that stands in one is

    S = c W p    c: up to three continuation bytes, the end of a character begun before S
                 W: whole characters
                 p: the beginning of a character that ends after S

and a text with S in it holds a character that ends in c, all of W, and a character that begins with p. So all
texts with S have a Han character exactly when one of these holds, since c, W and p are free of one another:

    1. W has a Han character.
    2. p is not empty and begins Han characters only: E8 9D is U+8740 to U+877F, F0 A0 is U+20000 to U+20FFF.
       (E3 82 is kana as well, F0 9F emoji, E4 B7 the hexagrams: not these.)
    3. c is not empty and ends Han characters only. Never so: C3, E1 or F1 before one, two or three continuation
       bytes makes a character that is not Han.

`fault_of` asks for more than the lemma does: c empty, and p, if there is any, as in 2. `你 E3 82` stands
only in text with 你, and yet it swallows the beginning of the kana behind it; `B4 你`, the end of what stands
before. So accepted are whole characters with a Han one among them, a beginning that only Han characters have,
and that beginning behind any whole characters: `， E8 9D`, `你 E8 9D`.
"""

from __future__ import annotations

import re
from functools import cache

from hanhua.zh_text.scripts import HAN

HAS_HAN = re.compile(f"[{HAN}]")
_ENDS_OF_OTHERS = {1: b"\xc3", 2: b"\xe1", 3: b"\xf1"}


def fault_of(data: bytes) -> str | None:
    r"""Return why these bytes could stand in text without Han, or swallow a part of such a character; None for neither.

    >>> fault_of("，蝴蝶".encode()[:-1]), fault_of(b"\xe3\x82")
    (None, "ends inside a character that need not be Han (E3 82 begins 'む' too)")
    """
    if _continues(data):
        return "begins inside a character (a UTF-8 continuation byte)"
    try:
        text, rest = whole_and_rest(data)
    except UnicodeDecodeError as error:
        return f"is not UTF-8 in any text ({data[error.start : error.start + 4].hex(' ').upper()})"
    if rest:
        other = _completion(rest, han=False)
        return other and f"ends inside a character that need not be Han ({rest.hex(' ').upper()} begins {other!r} too)"
    return None if HAS_HAN.search(text) else "has no Han character"


def whole_and_rest(data: bytes) -> tuple[str, bytes]:
    r"""Return the whole characters and the beginning of the one that is cut off; UnicodeDecodeError for other bytes.

    >>> whole_and_rest("，蝴".encode()[:-1])
    ('，', b'\xe8\x9d')
    """
    try:
        return data.decode(), b""
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            raise
        return data[: error.start].decode(), data[error.start :]


def completed(data: bytes) -> str:
    """Return a text that begins with these bytes: as it is, or with a Han character for a beginning of one."""
    text, rest = whole_and_rest(data)
    return text + (_completion(rest, han=True) or "") if rest else text


def witness(data: bytes) -> str | None:
    r"""Return a text without Han that holds these bytes, None when there is none: the counter-example to a product.

    >>> witness(b"\xe3\x82"), witness("你".encode())
    ('む', None)
    """
    begun = _continues(data)
    whole = _ENDS_OF_OTHERS.get(begun, b"") + data
    try:
        text, rest = whole_and_rest(whole)
    except UnicodeDecodeError:
        return None
    if rest:
        other = _completion(rest, han=False)
        if other is None:
            return None
        text += other
    return None if HAS_HAN.search(text) else text


@cache
def _completion(begun: bytes, *, han: bool) -> str | None:
    """Return the first character that begins with these bytes and is Han, or is not."""
    lead = begun[0]
    length, value = (2, lead & 0x1F) if lead < 0xE0 else (3, lead & 0x0F) if lead < 0xF0 else (4, lead & 0x07)
    for byte in begun[1:]:
        value = value << 6 | byte & 0x3F
    shift = 6 * (length - len(begun))
    for code in range(value << shift, min(value + 1 << shift, 0x110000)):
        character = chr(code)
        stands = not 0xD800 <= code < 0xE000 and character.encode().startswith(begun)
        if stands and bool(HAS_HAN.match(character)) == han:
            return character
    return None


def _continues(data: bytes) -> int:
    return next((at for at, byte in enumerate(data) if byte & 0xC0 != 0x80), len(data))
