"""Copies of a text as spam would disguise it: what a classifier learns from, and what recall is measured on again.

A third of the words of two characters or more (jieba's) are disguised, told by a seed. Homophones are frequent
characters (GB 2312, first level) read alike; split characters follow the filter's own table, so recall on them shows
that the table works, not that it is complete.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import xxhash

from hanhua.filtering.harm.disguise import initials, splits
from hanhua.zh_text.pinyin import characters_read, readings
from hanhua.zh_text.scripts import is_han
from hanhua.zh_text.segmentation import segment

SHARE = 1 / 3
SYMBOLS = "★·.*-_/|~✿ ♪"
Disguise = Callable[[str, random.Random], str]


def disguised(text: str, disguise: Disguise | None, seed: int) -> str:
    """Return the text with a third of its longer words disguised; all of it in Traditional characters for None."""
    if disguise is None:
        return _traditional(text)
    chance = random.Random(seed)
    words = segment(text, engine="jieba", new_words=False)
    return "".join(disguise(w, chance) if len(w) > 1 and is_han(w) and chance.random() < SHARE else w for w in words)


def learned_copies(text: str) -> list[str]:
    """Return a copy in each disguise that folding does not undo, told by the text's hash."""
    seed = xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace"))
    return [disguised(text, disguise, seed + number) for number, disguise in enumerate(LEARNED)]


def homophones(word: str, chance: random.Random) -> str:
    """Write each character as another that is read alike, where one is frequent."""
    return "".join(chance.choice(_said_alike(character) or character) for character in word)


def split_characters(word: str, chance: random.Random) -> str:
    """Write each character as its parts, where the table has them."""
    return "".join(chance.choice(splits().get(character, (character,))) for character in word)


def inserted_symbols(word: str, chance: random.Random) -> str:
    """Put a symbol between all characters."""
    return "".join(character + chance.choice(SYMBOLS) for character in word[:-1]) + word[-1]


def pinyin_initials(word: str, _: random.Random) -> str:
    """Write the first letters of the syllables."""
    return initials(word) or word


LEARNED: tuple[Disguise, ...] = (homophones, split_characters, pinyin_initials)
"""What folding does not undo."""
DISGUISES: dict[str, Disguise | None] = {
    "homophones": homophones,
    "split characters": split_characters,
    "inserted symbols": inserted_symbols,
    "Traditional": None,
    "pinyin initials": pinyin_initials,
}


@cache
def _said_alike(character: str) -> str:
    alike = characters_read(readings().get(character, ""))
    return "".join(other for other in alike if other != character and _is_frequent(other))


def _is_frequent(character: str) -> bool:
    try:
        return b"\xb0" <= character.encode("gb2312")[:1] <= b"\xd7"
    except UnicodeEncodeError:
        return False


@cache
def _converter() -> Callable[[str], str]:
    from opencc import OpenCC

    return OpenCC("s2tw").convert  # type: ignore[no-any-return]


def _traditional(text: str) -> str:
    return _converter()(text)
