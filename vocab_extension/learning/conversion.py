"""Simplified and Traditional evidence from one corpus, by OpenCC.

Converted is the pre-token, a whole run between two marks, so that phrases decide (头发 → 頭髮, 发展 → 發展);
converting characters one by one would write words that nobody uses. Taiwan and Hong Kong each have their own
standard (裡, 為, 台 or 臺), which `s2t` follows in neither case; what is simplified may be of
either: 拿著 becomes 拿着, 衞生 卫生.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from hanhua.zh_text.conversion import Conversion, open_converter, open_simplifier

if TYPE_CHECKING:
    from hanhua.vocab_extension.learning.count import Counted

Converter = Callable[["Counted"], "Counted"]
SCRIPTS: dict[str, tuple[Conversion | Literal["hans"], ...]] = {
    "as-is": (),
    "hans": ("hans",),
    "hant-tw": ("s2tw",),
    "hant-hk": ("s2hk",),
    "both": ("hans", "s2tw"),
}
"""What each choice converts by; `both` keeps what the corpus has and adds the other script's form of it."""


def open_converters(scripts: str) -> tuple[Converter, ...]:
    """Return the functions that convert counted strings for one of `SCRIPTS`."""
    converters = [open_simplifier() if name == "hans" else open_converter(name) for name in SCRIPTS[scripts]]
    if scripts == "both":
        return (lambda counted: _with_other_forms(counted, converters),)
    return tuple(map(_replacing, converters))


def _replacing(convert: Callable[[str], str]) -> Converter:
    return lambda counted: _united([(converted_all(list(counted), convert), list(counted.values()))])


def _with_other_forms(counted: Counted, converters: list[Callable[[str], str]]) -> Counted:
    strings, values = list(counted), list(counted.values())
    symbols = [(strings, values)]
    for convert in converters:
        changed = [
            (new, value)
            for old, new, value in zip(strings, converted_all(strings, convert), values, strict=True)
            if new != old
        ]
        symbols.append(([new for new, _ in changed], [value for _, value in changed]))
    return _united(symbols)


def _united(parts: list[tuple[list[str], list[tuple[int, int]]]]) -> Counted:
    united: Counted = {}
    for strings, values in parts:
        for string, (count, documents) in zip(strings, values, strict=True):
            before, seen = united.get(string, (0, 0))
            united[string] = (before + count, seen | documents)
    return united


def converted_all(strings: list[str], convert: Callable[[str], str]) -> list[str]:
    """Convert many strings at once: no phrase reaches over the line breaks between them."""
    out = convert("\n".join(strings)).split("\n")
    if len(out) != len(strings):  # a string with a line break of its own
        out = [convert(string) for string in strings]
    return out
