"""Repairs of what extraction leaves: Kangxi radicals in text from PDFs, typographic entities in text from HTML."""

from __future__ import annotations

import html
import re
import unicodedata

from hanhua.filtering.document import Drafts
from hanhua.zh_text.scripts import HAN

# The radicals of the block without a compatibility form that are the forms of today's characters.
_SUPPLEMENT = dict(
    zip(
        "⺁⺄⺌⺟⺠⺬⻄⻅⻆⻉⻋⻓⻔⻘⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻬⻮⻰⻳⻑⻒",
        "厂乙小母民示西见角贝车长门青页风飞食马骨鬼鱼鸟卤麦黄齐齿龙龟長長",
        strict=True,
    )
)
_RADICALS = {
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x2F00, 0x2FD6)},
    **{ord(radical): character for radical, character in _SUPPLEMENT.items()},
}
_RADICAL = "\u2e80-\u2ef3\u2f00-\u2fd5"
_FIRST_RADICAL, _LAST_RADICAL = 0x2E80, 0x2FD5
_HAS_RADICAL = re.compile(f"[{_RADICAL}]")
# With a character or a mark of running text on a side; a list of radicals has neither.
_WITHIN = re.compile(f"[{_RADICAL}]+")
_RUNNING = re.compile(f"[{HAN}，。；！？“”（）]")
_MAX_SHARE = 0.5

_CHINESE = f"{HAN}，。、：；！？“”‘’（）《》…—·\u3000"
_TYPOGRAPHIC = (
    "nbsp|ensp|emsp|ldquo|rdquo|lsquo|rsquo|mdash|ndash|hellip|middot|bull|quot|amp|lt|gt|times|deg|#\\d{2,5}"
)
_ENTITIES = re.compile(f"(?:&(?:{_TYPOGRAPHIC});)+")
_CODE = re.compile("`|<code|<pre|&lt;(?=[a-z/])", re.IGNORECASE)


def may_need_repair(drafts: Drafts) -> list[bool]:
    """Return whether each text has a radical or the mark of an entity; a view."""
    codes = drafts.joined.codes
    radicals = drafts.joined.counts((codes >= _FIRST_RADICAL) & (codes <= _LAST_RADICAL))
    return [count > 0 or "&" in text for count, text in zip(radicals, drafts.texts, strict=True)]


def repair_extraction(text: str) -> str:
    r"""Return the text with radicals within words and entities between Chinese characters put right.

    A list of radicals, and a text with code in it, stay as they are.

    >>> repair_extraction("我们⽤⼿⼯作&nbsp;&ldquo;好&rdquo;")
    '我们用手工作\xa0“好”'
    """
    if _HAS_RADICAL.search(text):
        text = _without_radicals(text)
    if "&" in text and not _CODE.search(text):
        text = _ENTITIES.sub(_decoded, text)
    return text


def _without_radicals(text: str) -> str:
    radicals = len(_HAS_RADICAL.findall(text))
    characters = len(re.findall(f"[{HAN}]", text))
    if radicals > _MAX_SHARE * (radicals + characters):
        return text

    def character(match: re.Match[str]) -> str:
        around = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
        return match[0].translate(_RADICALS) if _RUNNING.search(around) else match[0]

    return _WITHIN.sub(character, text)


def _decoded(match: re.Match[str]) -> str:
    text = match.string
    before, after = text[max(0, match.start() - 1) : match.start()], text[match.end() : match.end() + 1]
    chinese = re.match(f"[{_CHINESE}]", before) or re.match(f"[{_CHINESE}]", after)
    return html.unescape(match[0]) if chinese else match[0]
