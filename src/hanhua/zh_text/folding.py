"""The folded view of a text, on which lexicons and near-duplicates are matched; never written out.

Folded: NFKC, lower case, Traditional to Simplified, and no marks, symbols, spaces or emoji, so that
`加 ★薇 信★` and `加微信` look alike. Every folded character knows which original character it came
from, so that a match can be shown in the text as it was.

All of it is one table lookup per code point (Traditional to Simplified too, which is close to a
function in that direction), then a few spam spellings on the result, each replaced at equal length.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]

# Beyond are private use, tags and unassigned code points: dropped.
_TABLE_SIZE = 0x32400
_DROPPED = 0
_EXPANDS = 0xFFFF_FFFF

# Marks that stand for a word in spam. Everything else that is no letter or digit is dropped.
_READ_AS = {
    **dict.fromkeys("+＋➕✚✛✜⊕⊞", "加"),
    **dict.fromkeys("❤♥♡💕💗💓💖💙💚💛💜🧡🖤❥", "心"),
    "🐧": "q",
    "訫": "信",
    "亻": "人",
}

# Spellings of 微信 and QQ, each as (what must be in the text, pattern, replacement of equal length).
# 威信 is a word (prestige), so it counts only where one is told to add it or a number follows.
_SPELLINGS = tuple(
    (seed, re.compile(pattern), replacement)
    for seed, pattern, replacement in (
        ("薇信", "薇信", "微信"),
        ("徽信", "徽信", "微信"),
        ("薇心", "薇心", "微信"),
        ("威心", "威心", "微信"),
        ("微心", "微心(?=号|[a-z0-9]{4})|(?<=加)微心", "微信"),
        ("威信", "威信(?=号|[a-z0-9]{4})|(?<=加)威信", "微信"),
        ("v信", "(?<![a-z0-9])v信", "微信"),
        ("v心", "(?<![a-z0-9])v心", "微信"),
        ("vx", "vx", "微信"),
        ("wx", "wx", "微信"),
        ("扣扣", "扣扣(?=号|群|[0-9]{4})|(?<=加)扣扣", "qq"),
    )
)


@dataclass(frozen=True)
class Folded:
    """A folded text and, for each of its characters, the offset of the original character it comes from."""

    text: str
    offsets: Offsets

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the (start, end) of the original text that the folded characters [start, end) came from."""
        if start >= end:
            raise ValueError(f"empty folded span ({start}, {end})")
        return int(self.offsets[start]), int(self.offsets[end - 1]) + 1


def code_points(text: str) -> Codes:
    """Return the text as an array of code points, lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def fold(text: str) -> Folded:
    """Return the folded view.

    >>> fold("➕薇 信：ＡＢ①").text
    '加微信ab1'
    >>> fold("加★薇★信").original_span(1, 3)
    (2, 5)
    """
    codes = code_points(text)
    folded, offsets, _ = fold_joined(codes, np.array([0, len(codes)]))
    return Folded(folded.tobytes().decode("utf-32-le", "surrogatepass"), offsets)


def fold_joined(codes: Codes, starts: Offsets) -> tuple[Codes, Offsets, Offsets]:
    """Fold texts that stand one after another in an array, each by itself.

    starts: where each begins, and the end of the last. Returns the folded code points, the offset in `codes` that each
    comes from, and where each text begins among them.
    """
    folded, offsets = fold_codes(codes)
    begins = np.searchsorted(offsets, starts)
    for number in _may_hold_spellings(folded, begins):
        begin, end = begins[number : number + 2].tolist()
        text = folded[begin:end].tobytes().decode("utf-32-le", "surrogatepass")
        folded[begin:end] = code_points(_respell(text, offsets[begin:end]))
    return folded, offsets, begins


def folded_codes(text: str) -> Codes:
    """Return the code points of the folded view, for what needs no way back to the original."""
    return code_points(fold(text).text)


def fold_codes(codes: Codes) -> tuple[Codes, Offsets]:
    """Fold an array of code points by the table alone; return the folded ones and their offsets."""
    table, expansions = _table()
    if codes.max(initial=0) < _TABLE_SIZE:
        folded = table.take(codes)
    else:
        folded = np.where(codes < _TABLE_SIZE, table.take(codes, mode="clip"), np.uint32(_DROPPED))
    if folded.max(initial=0) == _EXPANDS:
        return _expand(codes, folded, expansions)
    offsets = np.flatnonzero(folded)
    return folded[offsets], offsets


def _may_hold_spellings(folded: Codes, starts: Offsets) -> list[int]:
    """Return the texts in which two neighbors begin a spelling: asked of all, so cheaper than to search for each."""
    firsts, seconds = _spelling_characters()
    places = np.flatnonzero(firsts.take(folded[:-1], mode="clip"))
    places = places[seconds.take(folded[1:][places], mode="clip")]
    texts: list[int] = np.unique(np.searchsorted(starts, places, side="right") - 1).tolist()
    return texts


@cache
def _spelling_characters() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    tables = np.zeros((2, _TABLE_SIZE), dtype=bool)
    for seed, _, _ in _SPELLINGS:
        for table, character in zip(tables, seed[:2], strict=True):
            table[ord(character)] = True
    return tables[0], tables[1]


def _respell(folded: str, offsets: Offsets) -> str:
    def replaced(match: re.Match[str], replacement: str) -> str:
        start, end = match.span()
        whole = _ends_word(folded, offsets, start) and _ends_word(folded, offsets, end)
        return replacement if whole else match[0]

    for seed, pattern, replacement in _SPELLINGS:
        if seed in folded:
            folded = pattern.sub(lambda match, r=replacement: replaced(match, r), folded)  # type: ignore[misc]
    return folded


def _ends_word(folded: str, offsets: Offsets, at: int) -> bool:
    """Return whether no Latin word runs across position `at` (between `at - 1` and `at`) of the original.

    A digit after a letter ends a word here: `vx12345` is a contact, `vxworks` is not.
    """
    if at <= 0 or at >= len(folded) or int(offsets[at]) - int(offsets[at - 1]) > 1:
        return True
    before, after = folded[at - 1], folded[at]
    return not ("a" <= after <= "z" and (before.isdigit() or "a" <= before <= "z"))


def _expand(codes: Codes, folded: Codes, expansions: dict[int, tuple[int, ...]]) -> tuple[Codes, Offsets]:
    """Fold a text in which some characters become several (㎏, ﬁ), each with the same offset."""
    out: list[Codes] = []
    where: list[Offsets] = []
    begin = 0
    for at in [*np.flatnonzero(folded == _EXPANDS).tolist(), len(codes)]:
        kept = np.flatnonzero(folded[begin:at]) + begin
        out.append(folded[kept])
        where.append(kept)
        if at < len(codes):
            letters = expansions[int(codes[at])]
            out.append(np.array(letters, dtype=np.uint32))
            where.append(np.full(len(letters), at, dtype=np.int64))
        begin = at + 1
    return np.concatenate(out), np.concatenate(where)


@cache
def _table() -> tuple[Codes, dict[int, tuple[int, ...]]]:
    """Return the folded code point of every code point (0: dropped), and those that become several."""
    simplified = _simplified_characters()
    table = np.zeros(_TABLE_SIZE, dtype=np.uint32)
    expansions: dict[int, tuple[int, ...]] = {}
    for code in range(_TABLE_SIZE):
        character = chr(code)
        if character in simplified:
            table[code] = ord(simplified[character])
            continue
        # Most letters beyond the alphabets have no other form and no case.
        plain = unicodedata.category(character) == "Lo" and not unicodedata.decomposition(character)
        letters = character if plain and character not in _READ_AS else _fold_character(character, simplified)
        if len(letters) > 1:
            table[code] = _EXPANDS
            expansions[code] = tuple(map(ord, letters))
        elif letters:
            table[code] = ord(letters)
    return table, expansions


def _fold_character(character: str, simplified: dict[str, str]) -> str:
    if character in _READ_AS:
        return _READ_AS[character]
    # Lower case twice: some capitals appear only through NFKC, and some letters change again after it.
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).lower()).lower()
    kept = (simplified.get(_READ_AS.get(c, c), _READ_AS.get(c, c)) for c in plain)
    return "".join(c for c in kept if unicodedata.category(c)[0] in "LN" or c in "〇々")


# Forms that OpenCC's tables give no single way back from: 祇 for 只, variants that GB 2312 has beside their plain form.
_ALSO = dict(zip("祇秖厰渖谘迳钜锺馀鲇腭幺暱镟稆", "只只厂沈咨径巨钟余鲶颚么昵旋穞", strict=True))
# `tw2s` alone takes 么 for 幺 and two names of a body part and a fish for others, which a fold has no use for.
_NOT_FOLDED = frozenset("么顎鯰")


@cache
def _simplified_characters() -> dict[str, str]:
    """Return the Simplified form of every Han character of the basic planes, by OpenCC, one by one.

    Of Taiwan's and Hong Kong's forms too: 著 is read as 着 everywhere (著名 as well: a fold need not be spelled
    rightly, only the same for every spelling), 衞敍枱衹 as 卫叙台只.
    """
    from opencc import OpenCC

    ranges = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x2A6E0))
    characters = [chr(code) for begin, end in ranges for code in range(begin, end)]
    # One string with separators: phrase rules must not see neighbors.
    joined = "\n".join(characters)
    plain = dict(zip(characters, characters, strict=True))
    for standard in ("hk2s", "tw2s", "t2s"):
        converted = zip(characters, OpenCC(standard).convert(joined).split("\n"), strict=True)
        plain |= {c: s for c, s in converted if len(s) == 1 and s != c and (c not in _NOT_FOLDED or standard == "t2s")}
    plain |= _ALSO
    # What a form becomes may be one that becomes another: 鍾 → 锺 → 钟.
    return {c: plain.get(s, s) for c, s in plain.items()} | {c: r for c, r in _READ_AS.items() if c in plain}
