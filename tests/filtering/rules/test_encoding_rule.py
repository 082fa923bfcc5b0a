"""Wrong decodings: every real text misread in a known way is found out, and no real text is taken for one."""

from __future__ import annotations

import math

import pytest
from any_texts import MIXED, REAL, shuffled
from hypothesis import given
from hypothesis import strategies as st
from opencc import OpenCC

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.normalize import clean
from hanhua.filtering.rules.encoding import encoding

LIMITS = QualityConfig()
REPLACED = QualityConfig(max_mojibake_ratio=None)
MISREADINGS = {
    "utf-8 as latin-1": lambda text: text.encode().decode("latin-1"),
    "utf-8 as cp1252": lambda text: text.encode().decode("cp1252", "ignore"),
    "utf-8 as gb18030": lambda text: text.encode().decode("gb18030", "ignore"),
    "utf-8 as ascii": lambda text: text.encode().decode("ascii", "replace"),
    "gb18030 as utf-8": lambda text: text.encode("gb18030").decode("utf-8", "replace"),
    "gb18030 as latin-1": lambda text: text.encode("gb18030").decode("latin-1"),
}


@pytest.mark.parametrize("misreading", MISREADINGS)
def test_every_text_that_was_misread_is_found_out(misreading: str) -> None:
    for text in REAL:
        read = clean(MISREADINGS[misreading](text))
        assert not encoding(Draft(read), LIMITS).keep, read[:40]


@pytest.mark.parametrize("convert", [None, "s2t", "t2s"])
def test_no_text_is_taken_for_misread(convert: str | None) -> None:
    for text in REAL:
        one = OpenCC(convert).convert(text) if convert else text
        assert encoding(Draft(one), LIMITS).keep, one[:40]


@given(MIXED, st.integers())
def test_where_replacements_stand_says_nothing(text: str, seed: int) -> None:
    assert encoding(Draft(shuffled(text, seed)), REPLACED) == encoding(Draft(text), REPLACED)


@given(st.integers(1, 200), st.integers(0, 20))
def test_replacements_are_a_share_of_what_is_visible(letters: int, replaced: int) -> None:
    draft = Draft("好" * letters + " \n" + "\ufffd" * replaced)
    share = replaced / (letters + replaced)
    assert encoding(draft, QualityConfig(max_replacement_ratio=share, max_mojibake_ratio=None)).keep
    if share:
        below = QualityConfig(max_replacement_ratio=math.nextafter(share, 0), max_mojibake_ratio=None)
        assert encoding(draft, below).reason == "encoding.replacement"
    assert draft.measured["encoding.replacement"] == pytest.approx(share)


@given(MIXED)
def test_without_limits_everything_passes(text: str) -> None:
    assert encoding(Draft(text), QualityConfig(max_replacement_ratio=None, max_mojibake_ratio=None)).keep


@pytest.mark.parametrize("text", REAL[:6])
def test_the_more_of_a_text_is_misread_the_higher_the_share(text: str) -> None:
    shares = []
    for part in (0, 4, 2, 1):
        cut = len(text) // part if part else 0
        draft = Draft(text[:cut].encode().decode("cp1252", "ignore") + text[cut:])
        encoding(draft, QualityConfig(max_replacement_ratio=None, max_mojibake_ratio=1))
        shares.append(draft.measured["encoding.mojibake"])
    assert shares[0] == 0 and shares == sorted(shares) and shares[-1] > 0.5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("烫烫烫烫烫烫屯屯屯屯屯屯" + REAL[0][:60], "encoding.mojibake"),
        ("锟斤拷" + REAL[0], None),  # once is a mention
        ("水烫烫的，手也烫烫的。" + REAL[0], None),
        ("Ã©tÃ© Ã  la plage, Ã  bientÃ´t", "encoding.mojibake"),
        ("été à la plage, à bientôt", None),
        ("Çok güzel bir gün, öyle değil mi?", None),
        ("naïve façade, “smart quotes” – and dashes", None),
        ("£100 ± 5°, ½ cup, §3 ¶2 ©2024", None),
        ("", None),
    ],
)
def test_table(text: str, reason: str | None) -> None:
    assert encoding(Draft(text), LIMITS).reason == (reason or "")
