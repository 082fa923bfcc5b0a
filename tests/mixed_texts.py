"""Texts that reach every alternative of the pre-tokenizers: scripts, digits, contractions, whitespace, controls."""

from __future__ import annotations

import random

PLAIN = (
    *("abcXYZ", "0123456789", "  \t\n\r\x0b\x0c", "'s't're'LL'd'M", "!?.,;:-_/\\()[]{}<>=+*&^%$#@~`|\"'"),
    *("，。！？、；：“”（）《》…—", "你好世界我们中国的", "ひらがなカタカナ", "가나다라", "²½Ⅷ٣๓", "😀🎉🇨🇳"),
    *("def f(x):\n    return x", "".join(map(chr, range(32))) + "\x7f"),
)
WIDE_SPACES = "\u00a0\u3000\u2003\x85"
CASED_AND_MARKED = ("éèàÉÈÀßžŽǅ", "αβγΑΒ", "\u0301\u0308", "किताब", "ภาษาไทย")
SPECIAL = (
    "<|begin_of_text|>",
    "<|eot_id|>",
    "<user defined>",
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id",
    "<|endoftext|>",
)


def mixed_texts(count: int, *, seed: int, wide_spaces: bool = True, cased_and_marked: bool = True) -> list[str]:
    """Return reproducible texts, each of a few pieces out of the groups above."""
    chance = random.Random(seed)
    groups = [*PLAIN, *([WIDE_SPACES] if wide_spaces else []), *(CASED_AND_MARKED if cased_and_marked else [])]
    return ["".join(_piece(chance, groups) for _ in range(chance.randint(1, 20))) for _ in range(count)]


def _piece(chance: random.Random, groups: list[str]) -> str:
    kind = chance.random()
    if kind < 0.05:
        return chance.choice(SPECIAL)
    if kind < 0.1:
        return " " * chance.randint(1, 5)
    group = chance.choice(groups)
    return "".join(chance.choice(group) for _ in range(chance.randint(1, 5)))
