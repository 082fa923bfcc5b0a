r"""A pre-tokenizer's regular expression as JavaScript has it.

The two dialects differ in four ways that tokenizers use: `\s` (JavaScript counts U+FEFF, and not U+0085), `(?i:…)`
(not in every browser), `\x{…}`, and needless escapes, which the `u` flag forbids. Everything else means the same.
"""

from __future__ import annotations

import re

from hanhua.errors import InputError

_SPACE = r"\p{White_Space}"
_FOLDED = {"s": "sſ", "k": "k\u212a"}
"""What else Unicode takes for the same letter when case does not count."""
_NEEDED_ESCAPES = set("\\^$.*+?()[]{}|/-")
_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]")
_FOREIGN = re.compile(r"[+*?]\+|\{[\d,]+\}\+|\\[AZzGhHRXbB]|\(\?(?![:=!i])")


def javascript_pattern(pattern: str) -> str:
    r"""Return the pattern for `new RegExp(…, "gu")`; InputError for one that JavaScript cannot be told.

    >>> javascript_pattern(r"(?i:'s|'t)|\s+(?!\S)")
    "(?:'[sSſ]|'[tT])|\\p{White_Space}+(?!\\P{White_Space})"
    """
    if found := _FOREIGN.search(_CLASS.sub("[]", pattern)):
        raise InputError(f"the pre-tokenizer's pattern has {found[0]!r}, which browsers do not know: {pattern}")
    spelled = re.sub(r"\(\?i:([^()]*)\)", lambda group: f"(?:{_any_case(group[1])})", pattern)
    spelled = re.sub(r"\\x\{([0-9a-fA-F]+)\}", r"\\u{\1}", spelled)
    return re.sub(r"\\(.)", _escape, spelled, flags=re.DOTALL)


def _any_case(text: str) -> str:
    def cases(letter: str) -> str:
        others = _FOLDED.get(letter.lower(), letter.lower())
        return f"[{others[0]}{letter.upper()}{others[1:]}]"

    return "".join(cases(character) if character.isalpha() else character for character in text)


def _escape(found: re.Match[str]) -> str:
    character = found[1]
    if character == "s":
        return _SPACE
    if character == "S":
        return _SPACE.replace("p", "P", 1)
    if character.isalnum() or character in _NEEDED_ESCAPES:
        return found[0]
    return character
