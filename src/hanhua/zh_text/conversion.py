"""Conversion between Simplified and Traditional by OpenCC, with a check of what it gets wrong.

Two faults of OpenCC 1.4, each mended where words tell: phrases are found by the longest match from the left, so
被发明 is read as 被发 + 明 and becomes 被髮明, 展示了解决 as 展示 + 了解 + 决 and becomes 展示瞭解決; and `tw2s` takes
著 for 着 in 卓著, 所著, 土著, where it is none. What is Simplified already is left alone: `t2s` makes 干安县 of 乾安县.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Literal

from hanhua.zh_text.scripts import HAN, Script, chinese_script, one_sided_characters
from hanhua.zh_text.segmentation import segment

Conversion = Literal["t2s", "tw2s", "tw2sp", "hk2s", "s2t", "s2tw", "s2twp", "s2hk"]
TO_SIMPLIFIED = frozenset({"t2s", "tw2s", "tw2sp", "hk2s"})

_SENTENCE = re.compile(r"[^。！？!?\n]*[。！？!?\n]*")
_HAN_RUN = re.compile(f"[{HAN}]+")
# 著 that is no 着: to write, what was written, clear, native.
_WRITTEN = re.compile(
    "[显顯卓昭]著|土著|[编編原专專论論拙遗遺译譯所撰]著(?![名急手眼想重落])|主编[并並]著|见微知著|見微知著|著[书書]立[说說]"
    "|著(?=《)|著有(?=[《一二三四五六七八九十多数數几幾小诗詩论論专專])"
)
# Characters of a narrow sense that are chosen wrongly where a phrase reaches over the end of a word.
_NARROW = frozenset("瞭髮隻嚐錶蔘麪麵箇註俬傢徵揹齣鍼係樑製迴誌鬥捲複遊纔")
_NUMBERS = frozenset("一二两三四五六七八九十百千万几多每这那数")
_HAIR_OF = frozenset("头秀毛白黑长短卷")
# Words of one character that are never written so.
_NEVER_ALONE = frozenset("瞭")


def open_converter(conversion: Conversion) -> Callable[[str], str]:
    """Return the function that converts a text, phrase by phrase; raises nothing, whatever the text.

    >>> open_converter("t2s")("我在乾安县工作。他說：「拿著」"), open_converter("s2t")("被发明")
    ('我在乾安县工作。他说：「拿著」', '被發明')
    """
    plain = _plain(conversion)
    if conversion not in TO_SIMPLIFIED:
        return lambda text: _to_traditional(text, plain, conversion)
    if conversion in ("tw2s", "tw2sp"):
        plain = _sparing_written(plain)
    return lambda text: _to_simplified(text, plain)


def open_simplifier() -> Callable[[str], str]:
    """Return the function that makes Simplified strings of any standard's: Taiwan's 著 and Hong Kong's 衞敍枱衹 too.

    For short strings, which seldom tell their own standard.

    >>> open_simplifier()("拿著衞生紙"), open_simplifier()("名著")
    ('拿着卫生纸', '名著')
    """
    taiwan, hong_kong = _sparing_written(_plain("tw2s")), _plain("hk2s")
    return lambda text: hong_kong(taiwan(text))


@cache
def _plain(conversion: str) -> Callable[[str], str]:
    from opencc import OpenCC

    return OpenCC(conversion).convert  # type: ignore[no-any-return]


def _sparing_written(convert: Callable[[str], str]) -> Callable[[str], str]:
    """Return the conversion that leaves 著 in 卓著 and 所著 as it is; characters before it are converted without it."""

    def converted(text: str) -> str:
        if "著" not in text:
            return convert(text)
        pieces, at = [], 0
        for match in _WRITTEN.finditer(text):
            pieces += [convert(text[at : match.start()]), _plain("t2s")(match[0])]
            at = match.end()
        return "".join([*pieces, convert(text[at:])])

    return converted


def _to_simplified(text: str, convert: Callable[[str], str]) -> str:
    """Convert the sentences that are not Simplified already; those without evidence go with the whole text."""
    script = chinese_script(text)
    if script not in ("hans", "mixed"):
        return convert(text)
    _, only_hant = one_sided_characters()
    if only_hant.isdisjoint(text):
        return text
    return "".join(
        convert(sentence) if _is_traditional(sentence, script) else sentence for sentence in _SENTENCE.findall(text)
    )


def _is_traditional(sentence: str, script: Script) -> bool:
    only_hans, only_hant = one_sided_characters()
    if not only_hant.isdisjoint(sentence):
        return True
    return script == "mixed" and only_hans.isdisjoint(sentence)


def _to_traditional(text: str, convert: Callable[[str], str], conversion: str) -> str:
    whole = convert(text)
    # Words of a place (`s2twp`) change lengths: what is wrong is found without them.
    compared = whole if conversion != "s2twp" else _plain("s2tw")(text)
    if len(compared) != len(text) or _NARROW.isdisjoint(compared):
        return whole
    pieces, at = [], 0
    for start, end in _wrong_places(text, compared, conversion):
        pieces += [convert(text[at:start]), convert(text[start:end])]
        at = end
    return "".join([*pieces, convert(text[at:])]) if pieces else whole


def _wrong_places(text: str, whole: str, conversion: str) -> list[tuple[int, int]]:
    """Return where a word of the text, converted alone, is written with a plainer character than within the text."""
    places = []
    for run in _HAN_RUN.finditer(text):
        if _NARROW.isdisjoint(whole[run.start() : run.end()]):
            continue
        at = run.start()
        for word in segment(run[0], engine="jieba", new_words=False):
            end = at + len(word)
            if _is_wrong(word, whole[at:end], conversion, before=text[max(0, at - 1) : at]):
                places.append((at, end))
            at = end
    return places


def _is_wrong(word: str, converted: str, conversion: str, *, before: str) -> bool:
    narrow = [at for at, character in enumerate(converted) if character in _NARROW]
    if not narrow:
        return False
    if len(word) == 1:
        return converted in _NEVER_ALONE and word != converted
    if (converted[0] == "隻" and before in _NUMBERS) or (converted[0] == "髮" and before in _HAIR_OF):
        return False  # 一只能飞, 秀发布满: the character belongs to the one before
    alone = _alone(word, conversion)
    return len(alone) == len(converted) and any(alone[at] != converted[at] for at in narrow)


@cache
def _alone(word: str, conversion: str) -> str:
    return _plain("s2tw" if conversion == "s2twp" else conversion)(word)
