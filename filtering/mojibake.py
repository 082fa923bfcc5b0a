"""Repairs text whose bytes were read in the wrong encoding, where it is certain what they were.

Certain means: the misreading is undone without the loss of a byte, nothing misread is left, and the result
is made of frequent Chinese characters as the text before was not. Where bytes were lost on the way (锟斤拷,
U+FFFD, a control character dropped) the rules decide what becomes of the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from hanhua.filtering.profile import Profile
from hanhua.zh_text.frequent import frequent_share
from hanhua.zh_text.scripts import HAN

MIN_FREQUENT_SHARE = 0.35
"""Of the result; verse has .48 and more in texts of 400 characters, other Chinese .52 and more."""
MAX_FREQUENT_SHARE_BEFORE = 0.15
"""Of the text as it came, beyond ASCII; text misread twice over, or half of it, is left to the rules."""
MIN_MISREAD_SHARE = 0.08
_MIN_HAN = 2

# UTF-8 of three bytes for Han and its punctuation, one byte per character: `æ–‡`, `ï¼Œ`, `ã€‚`.
_TRAIL = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_AS_LATIN = re.compile(f"(?:[à-ï][{_TRAIL}]{{2}}|ð[{_TRAIL}]{{3}}|[Â-ß][{_TRAIL}])+")
_STARTS = re.compile(f"[ã-ï][{_TRAIL}]")
_HAN = re.compile(f"[{HAN}]")


def repair_mojibake(text: str, profile: Profile) -> str:
    """Return the text as it was meant; the same text when that is not certain.

    >>> from hanhua.filtering.profile import profile_of
    >>> text = "æˆ‘ä»¬åœ¨è¿™é‡Œ"
    >>> repair_mojibake(text, profile_of(text))
    '我们在这里'
    """
    if profile.latin_supplement > MIN_MISREAD_SHARE * profile.letters:
        return _utf8_read_as_latin(text) or _as_if(text, _latin_bytes, "gb18030") or text
    # Misread Chinese is all Han, and a good part of it of the kind that UTF-8 turns into.
    if profile.gbk_mojibake > MIN_MISREAD_SHARE * profile.han:
        return _as_if(text, lambda misread: misread.encode("gb18030"), "utf-8") or text
    return text


def _utf8_read_as_latin(text: str) -> str | None:
    """Undo it sequence by sequence, so that a passage of it in a sound text is repaired too."""
    try:
        repaired = _AS_LATIN.sub(lambda match: _latin_bytes(match[0]).decode("utf-8"), text)
    except UnicodeError:
        return None
    if len(_HAN.findall(repaired)) - len(_HAN.findall(text)) < _MIN_HAN or _STARTS.search(repaired):
        return None
    return repaired if frequent_share(repaired) >= MIN_FREQUENT_SHARE else None


def _as_if(text: str, encode: Callable[[str], bytes], codec: str) -> str | None:
    if frequent_share(text) > MAX_FREQUENT_SHARE_BEFORE:
        return None
    try:
        repaired = encode(text).decode(codec)
    except UnicodeError:
        return None
    certain = len(_HAN.findall(repaired)) >= _MIN_HAN and frequent_share(repaired) >= MIN_FREQUENT_SHARE
    return repaired if certain else None


def _latin_bytes(text: str) -> bytes:
    """Return the bytes that CP1252 shows as this text, Latin-1 where CP1252 has nothing; UnicodeError for none."""
    table = _latin_table()
    try:
        return bytes(table[character] for character in text)
    except KeyError as error:
        raise UnicodeError(f"{error.args[0]!r} is no byte of CP1252") from None


@cache
def _latin_table() -> dict[str, int]:
    table = {chr(byte): byte for byte in range(256)}
    for byte in range(0x80, 0xA0):
        shown = bytes([byte]).decode("cp1252", "ignore")
        if shown:
            table[shown] = byte
    return table
