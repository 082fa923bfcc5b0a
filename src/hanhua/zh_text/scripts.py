"""Which script a text is in: shares of Han, kana, hangul and Latin; Simplified or Traditional."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

# Escapes, not characters: an editor or a normalizer turns U+F900 into U+8C48, and the range then holds Hangul.
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u3007\u3005"
_RUNS = {
    "han": re.compile(f"[{HAN}]"),
    "kana": re.compile("[぀-ヿㇰ-ㇿｦ-ﾝ]"),
    "hangul": re.compile("[가-힯ᄀ-ᇿ㄰-㆏]"),
    "latin": re.compile("[A-Za-zÀ-ɏ]"),
    "cyrillic": re.compile("[Ѐ-ӿ]"),
}
_HAN_RUN = re.compile(f"[{HAN}]+")
_ONLY_HAN = re.compile(f"[{HAN}]+")

# In the typefaces and texts of Hong Kong, beside what OpenCC's table of it names.
_ALSO_ABROAD = frozenset("恒")

Script = Literal["hans", "hant", "mixed", "neutral", "none"]


@dataclass(frozen=True)
class ScriptShares:
    """Share of each script among the characters that belong to one of them; all 0 for none."""

    han: float
    kana: float
    hangul: float
    latin: float
    cyrillic: float
    letters: int


def is_han(text: str) -> bool:
    """Return whether the text is one or more Han characters and nothing else."""
    return _ONLY_HAN.fullmatch(text) is not None


def is_han_prefix(data: bytes) -> bool:
    r"""Return whether the bytes are the beginning of a character, and of Han characters only.

    UTF-8 never repeats a first byte inside a character, so such bytes are only in Han text.

    >>> is_han_prefix(b"\xe8\x9d"), is_han_prefix(b"\xe3\x82"), is_han_prefix("你".encode())
    (True, False, False)
    """
    length = 3 if data[:1] < b"\xf0" else 4
    if not 2 <= len(data) < length or not b"\xe3" <= data[:1] <= b"\xf4":
        return False
    try:
        first = (data + b"\x80" * (length - len(data))).decode()
        last = (data + b"\xbf" * (length - len(data))).decode()
    except UnicodeDecodeError:
        return False
    return is_han("".join(map(chr, range(ord(first), ord(last) + 1))))


def han_runs(text: str) -> list[str]:
    """Return the unbroken runs of Han characters, in order.

    >>> han_runs("用户name，你好")
    ['用户', '你好']
    """
    return _HAN_RUN.findall(text)


def script_shares(text: str) -> ScriptShares:
    """Count characters by script."""
    counts = {name: len(pattern.findall(text)) for name, pattern in _RUNS.items()}
    total = sum(counts.values())
    return ScriptShares(**{name: n / max(total, 1) for name, n in counts.items()}, letters=total)


def chinese_script(text: str) -> Script:
    """Tell Simplified from Traditional by the characters that exist in one of them only.

    `mixed` when the rarer side has more than a fifth of that evidence, `neutral` when there is Han
    text but no evidence (早上好), `none` without Han characters.

    >>> chinese_script("这个软件"), chinese_script("這個軟體"), chinese_script("早上好")
    ('hans', 'hant', 'neutral')
    """
    only_hans, only_hant = one_sided_characters()
    hans = hant = 0
    for run in han_runs(text):
        hans += sum(character in only_hans for character in run)
        hant += sum(character in only_hant for character in run)
    if hans + hant == 0:
        return "neutral" if _RUNS["han"].search(text) else "none"
    if min(hans, hant) > 0.2 * (hans + hant):
        return "mixed"
    return "hans" if hans > hant else "hant"


@cache
def one_sided_characters() -> tuple[frozenset[str], frozenset[str]]:
    """Return the characters found only in Simplified, and only in Traditional text.

    By round trip through OpenCC: 们 becomes 們, so it is Simplified; 們 becomes 们, so it is
    Traditional; 后 (queen, and Simplified for 後) changes neither alone, so it is no evidence.
    Nor is what the other side's own standard set holds: 乾 and 著 are in GB 2312 (乾隆, 著作),
    台 and 云 in Big5; nor what Hong Kong or Taiwan writes as the mainland does (户温脱税卧兑悦葱蜕恒).
    """
    from opencc import OpenCC

    characters = [chr(code) for code in range(0x4E00, 0xA000)]
    # One string with separators: phrase rules must not see neighbors.
    joined = "\n".join(characters)
    hant, hans, *local = (
        OpenCC(name).convert(joined).split("\n") for name in ("s2t", "t2s", "s2tw", "s2hk", "tw2s", "hk2s")
    )
    only_hans, only_hant = set(), set()
    for character, t, s, *others in zip(characters, hant, hans, *local, strict=True):
        to_local, from_local = others[:2], others[2:]
        written_abroad = character in to_local or is_encoded_in(character, "big5") or character in _ALSO_ABROAD
        if t != character and s == character and not written_abroad:
            only_hans.add(character)
        changed = s != character or from_local != [character, character]
        if changed and t == character and not is_encoded_in(character, "gb2312"):
            only_hant.add(character)
    return frozenset(only_hans), frozenset(only_hant)


def is_encoded_in(character: str, codec: str) -> bool:
    """Return whether a codec (`gb2312`, `big5`, …) has a code for a character."""
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
