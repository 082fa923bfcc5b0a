"""Which language a document is in, told by its own characters alone: coarse, quick, and the same everywhere."""

from __future__ import annotations

import re
from typing import Literal

from hanhua.zh_text.scripts import chinese_script, script_shares

Language = Literal["zh-Hans", "zh-Hant", "zh", "ja", "ko", "latin", "code", "other"]

MIN_KANA_SHARE = 0.2
"""Of Han and kana: Japanese prose has a half and more, Chinese that quotes Japanese far less."""
MIN_HANGUL_SHARE = 0.3
MIN_HAN_SHARE = 0.15
"""Of all letters: one Han character says what four Latin ones do, so half Chinese is a fifth Han."""
MIN_CODE_MARKS = 0.065
"""Marks of code among the visible characters: half of the documents of English books and statutes have under
0.01, software documentation 0.05, source code 0.1 to 0.15."""

_CODE_MARKS = re.compile(r"[{}\[\]()<>=;_`|/\\&#$*\"]")
_BLANKS = re.compile(r"\s")


def language_of(text: str) -> Language:
    """Return the language of a document.

    `zh`: Chinese in both scripts, or too little to tell. `latin`: English and every other language in Latin
    letters. `other`: any other script, or no letters. A document in several languages is one of them.

    >>> language_of("这个软件很好"), language_of("ひらがなと漢字"), language_of("It is a book.")
    ('zh-Hans', 'ja', 'latin')
    """
    shares = script_shares(text)
    if shares.kana > MIN_KANA_SHARE * (shares.kana + shares.han):
        return "ja"
    if shares.hangul >= MIN_HANGUL_SHARE:
        return "ko"
    if shares.han >= MIN_HAN_SHARE:
        script = chinese_script(text)
        return "zh-Hans" if script == "hans" else "zh-Hant" if script == "hant" else "zh"
    if shares.latin >= 0.5:
        visible = len(text) - len(_BLANKS.findall(text))
        return "code" if len(_CODE_MARKS.findall(text)) >= MIN_CODE_MARKS * visible else "latin"
    return "other"
