"""Texts spoilt by a wrong decoding: U+FFFD, and UTF-8 read as Latin-1, CP1252 or GBK."""

from __future__ import annotations

import re

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject
from hanhua.filtering.seeds import Family
from hanhua.zh_text.scripts import HAN

# What bytes 80–BF become in Latin-1 (C1 controls are gone by now) and CP1252.
_TRAIL = "\xa0-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
# `æ–‡` (文), `ï¼Œ` (，), `Ã©` (é). A lone é before a quotation mark is French, so two-byte sequences
# count only after Ã and Â, and three-byte ones only with a trail of two or what is left of it.
_AS_LATIN = re.compile(f"[à-ï][{_TRAIL}]{{2}}|[ÃÂ][{_TRAIL}]")
_AS_LATIN_WITHOUT_CONTROLS = re.compile(f"[ãäåæçèéï][{_TRAIL}]")
# U+FFFD in UTF-8 read as GBK, and uninitialized memory of a C program read as GBK.
_KNOWN = re.compile("锟斤拷|烫烫烫|屯屯屯")
_MISREADINGS = Family(["锟斤拷", "烫烫烫", "屯屯屯"])
_MIN_MISREAD_SHARE = 0.08
_HAN = re.compile(f"[{HAN}]")


def encoding(draft: Draft, limits: QualityConfig) -> Verdict:
    """Reject texts with too many U+FFFD, or too much of them mojibake."""
    profile = draft.profile
    replaced = draft.measure("encoding.replacement", profile.replacements / max(profile.visible, 1))
    if limits.max_replacement_ratio is not None and replaced > limits.max_replacement_ratio:
        return reject("encoding.replacement", replaced)
    if limits.max_mojibake_ratio is None:
        return KEEP
    misread = draft.measure("encoding.mojibake", _misread_characters(draft) / max(profile.visible, 1))
    return reject("encoding.mojibake", misread) if misread > limits.max_mojibake_ratio else KEEP


def _misread_characters(draft: Draft) -> int:
    text, profile = draft.text, draft.profile
    # Once is a mention of the phenomenon.
    known = _KNOWN.findall(text) if profile.han and draft.view(_MISREADINGS.begin_in) else []
    found = sum(map(len, known)) if len(known) > 1 else 0
    if profile.latin_supplement:
        found += sum(map(len, _AS_LATIN.findall(text)))
        if draft.chinese and profile.latin_supplement > 0.3 * profile.letters:
            found += sum(map(len, _AS_LATIN_WITHOUT_CONTROLS.findall(text)))
            found += _gbk_read_as_latin(text)
    if profile.gbk_mojibake > _MIN_MISREAD_SHARE * profile.han:
        found += _utf8_read_as_gbk(text)
    return found


def _utf8_read_as_gbk(text: str) -> int:
    """Return how many characters become Han again when the misreading (涓枃 for 中文) is undone."""
    repaired = text.encode("gb18030", "ignore").decode("utf-8", "replace")
    restored = len(_HAN.findall(repaired))
    # Genuine rare characters are almost never UTF-8: they turn into U+FFFD.
    return restored if restored > repaired.count("\ufffd") else 0


def _gbk_read_as_latin(text: str) -> int:
    """Return how many characters become Han again when `ÖÐÎÄ` is read as 中文."""
    repaired = text.encode("cp1252", "ignore").decode("gb18030", "replace")
    restored = len(_HAN.findall(repaired))
    return restored if restored > 0.5 * len(repaired.replace(" ", "")) else 0
