"""Language: by shares of scripts where they tell it, and of Chinese corpora only."""

from __future__ import annotations

import math

import pytest
from any_texts import MIXED, REAL, shuffled
from hypothesis import given
from hypothesis import strategies as st
from opencc import OpenCC

from hanhua.filtering.config import LanguageConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.rules.language import guess_language, language

LIMITS = LanguageConfig()
BY_SHARES = LanguageConfig(ask_model_kana_ratio=None)
OFF = LanguageConfig(min_han_ratio=None, max_kana_ratio=None, max_hangul_ratio=None, ask_model_kana_ratio=None)
TO_HANT, TO_HANS = OpenCC("s2t"), OpenCC("t2s")


@pytest.mark.parametrize("text", REAL)
def test_every_text_of_the_quickstart_passes_in_both_scripts(text: str) -> None:
    for one in (text, TO_HANT.convert(text), TO_HANS.convert(text)):
        assert language(Draft(one), LIMITS).keep


@given(MIXED, st.integers(), st.text(alphabet="0123456789，。 \n★", max_size=20))
def test_order_marks_and_digits_say_nothing(text: str, seed: int, others: str) -> None:
    """Which foreign language it is may change with the order: the model names it. That it is foreign may not."""
    one = language(Draft(text), BY_SHARES)
    two = language(Draft(shuffled(text + others, seed)), BY_SHARES)
    assert one.keep == two.keep and one.value == two.value


@given(MIXED)
def test_other_languages_are_not_asked(text: str) -> None:
    for other in ("en", "other"):
        assert language(Draft(text, language=other), LIMITS).keep
    assert language(Draft(text), OFF).keep


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 120))
def test_the_shares_decide(han: int, kana: int, hangul: int, latin: int) -> None:
    """Four letters of an alphabet weigh as one character."""
    text = "好" * han + "あ" * kana + "가" * hangul + "a" * latin
    total = han + kana + hangul + latin / 4
    verdict = language(Draft(text), BY_SHARES)
    if not total:
        expected = ""
    elif kana / total > 0.25:
        expected = "language.ja"
    elif hangul / total > 0.25:
        expected = "language.ko"
    else:
        expected = "foreign" if han / total < 0.15 else ""
    assert verdict.reason == expected if expected != "foreign" else verdict.reason.startswith("language.")


@given(st.integers(1, 40), st.integers(1, 160))
def test_the_least_share_of_han_is_inclusive(han: int, latin: int) -> None:
    text = "好" * han + "a" * latin
    share = han / (han + latin / 4)
    assert language(Draft(text), LanguageConfig(min_han_ratio=share)).keep
    assert not language(Draft(text), LanguageConfig(min_han_ratio=min(1.0, math.nextafter(share, 2)))).keep


@pytest.mark.parametrize(
    ("scripts", "hans", "hant", "neutral"),
    [
        (("hans", "neutral"), True, False, True),
        (("hant", "neutral"), False, True, True),
        (("hans",), True, False, False),
        (("hans", "hant", "mixed", "neutral"), True, True, True),
    ],
)
def test_scripts_that_are_kept(scripts: tuple[str, ...], hans: bool, hant: bool, neutral: bool) -> None:
    config = LanguageConfig.model_validate({"scripts": scripts})
    texts = {"这个软件发布了。": hans, "這個軟體發布了。": hant, "早上好，大家好。": neutral}
    for text, keep in texts.items():
        verdict = language(Draft(text), config)
        assert verdict.keep is keep
        assert keep or verdict.reason in ("language.hans", "language.hant", "language.neutral")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("東京の天気は晴れ、明日は雨でしょう。", "language.ja"),
        ("カタカナ語の「コンピュータ」", "language.ja"),
        ("我在读一本书，书名叫《ノルウェイの森》，是村上春树写的，讲的是青春与失去的故事，我非常喜欢这本书。", None),
        ("오늘은 날씨가 좋다", "language.ko"),
        ("我的韩国朋友叫김민수，他在首尔长大，大学毕业以后来到北京学习中文，现在说得很流利。", None),
        ("Привет, как дела? Всё хорошо, спасибо большое.", "language.ru"),
        ("This page is written in English from its beginning to its end, but has 一个 word.", "language.en"),
        ("用 Python 写一个 HTTP server 只要 import http.server 就行。", None),
    ],
)
def test_table(text: str, reason: str | None) -> None:
    assert language(Draft(text), LIMITS).reason == (reason or "")


def test_where_kana_are_few_the_model_decides() -> None:
    headline = "首相、来月訪中で最終調整　経済協力など協議の見通し、外務省幹部"
    assert guess_language(headline) == "ja"
    assert language(Draft(headline), LIMITS).reason == "language.ja"
    assert language(Draft(headline), BY_SHARES).keep, "by shares alone it would pass"
