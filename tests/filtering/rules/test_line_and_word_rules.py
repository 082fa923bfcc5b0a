"""Rules of lines, words and characters, each with near misses; those of words as datatrove computes them."""

from __future__ import annotations

import pytest
from clean_texts import documents

from hanhua.filtering.config import FilteringConfig, LanguageConfig, QualityConfig
from hanhua.filtering.document import Draft, Verdict
from hanhua.filtering.rules.boilerplate import boilerplate
from hanhua.filtering.rules.entropy import entropy
from hanhua.filtering.rules.language import language
from hanhua.filtering.rules.lines import lines
from hanhua.filtering.rules.symbols import symbols
from hanhua.filtering.rules.words import FUNCTION_WORDS, repeated_ngram_characters, top_ngram_characters, words

BALANCED = QualityConfig()
FINEWEB = FilteringConfig(preset="fineweb2-zh")
STORY = (
    "老张每天清晨推着车出门，先到桥头买两个烧饼，再绕到河边看一会儿别人下棋。冬天河面结了冰，"
    "棋摊搬进茶馆，他便在靠窗的位子上坐下，一壶茶喝到日头偏西，回家路上顺手带一把青菜。"
)
VERSE = "春眠不觉晓\n处处闻啼鸟\n夜来风雨声\n花落知多少"


def check(verdict: Verdict, reason: str | None) -> None:
    assert verdict.reason == (reason or "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("一二一二一二一二一二一二一二一二", "entropy"),
        ("好好学习天天向上" * 6, "entropy"),
        # near misses
        (VERSE, None),
        ("关关雎鸠，在河之洲。窈窕淑女，君子好逑。参差荇菜，左右流之。", None),
        ("第一条 为了规范管理，制定本办法。", None),
        ("The ferry left at six, and nobody on the quay waved.", None),
    ],
)
def test_entropy(text: str, reason: str | None) -> None:
    check(entropy(Draft(text), BALANCED), reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n".join(f"第{i}章的内容简介……" for i in "一二三四五六"), "lines.ellipses"),
        ("“可是……”\n“没有可是。”\n他想了想……\n“那好吧。”", None),
        ("\n".join(f"- {i}" for i in documents()[:5]), None),  # a list is no fault in `balanced`
        (VERSE, None),
        ("好……", None),
    ],
)
def test_lines(text: str, reason: str | None) -> None:
    check(lines(Draft(text), BALANCED), reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n".join(f"- {i}" for i in documents()[:5]), "lines.lists"),
        ("\n".join([STORY, STORY, STORY]), "lines.said_before"),
        ("首页\n新闻\n体育\n财经", "lines.unpunctuated"),
        (STORY, None),
        ("\n".join([STORY, *documents()[:3]]), None),
    ],
)
def test_lines_as_fineweb2(text: str, reason: str | None) -> None:
    check(lines(Draft(text), FINEWEB.quality), reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (STORY[:40], "words.few"),
        ("1 2 3 4 5 6 7 8 9 " * 10, "words.alphabetic"),
        ("苹果香蕉橘子西瓜葡萄草莓樱桃荔枝龙眼芒果" * 6, "words.stop"),
        (STORY * 4, "words.repeated_5"),
        (STORY + "".join(f"\n{c}" for c in STORY), "words.newlines"),
        (STORY + documents()[0][:70], None),
    ],
)
def test_words_as_fineweb2(text: str, reason: str | None) -> None:
    check(words(Draft(text), FINEWEB.quality), reason)


def test_words_cost_nothing_in_balanced() -> None:
    draft = Draft(STORY)
    assert words(draft, BALANCED).keep
    assert "words" not in vars(draft)
    assert len(FUNCTION_WORDS) == 22


def test_ngrams_are_those_of_datatrove() -> None:
    filters = pytest.importorskip("datatrove.pipeline.filters.gopher_repetition_filter")
    import numpy as np

    for text in (STORY * 2 + documents()[1], documents()[2] * 3, "甲乙甲乙甲乙丙", STORY):
        draft = Draft(text)
        numbers: dict[str, int] = {}
        ids = np.array([numbers.setdefault(word, len(numbers)) for word in draft.words], dtype=np.uint32)
        lengths = np.array(list(map(len, draft.words)))
        for n in (2, 3, 4):
            grams = filters.get_n_grams(draft.words, n)
            assert top_ngram_characters(ids, lengths, n) == filters.find_top_duplicate(grams)
        for n in range(5, 11):
            assert repeated_ngram_characters(ids, lengths, n) == filters.find_all_duplicate(draft.words, n)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("【春季新款】【包邮】【正品】连衣裙", "symbols.brackets"),
        ("【编者按】" + STORY, None),
        ("【例】" + VERSE, None),
    ],
)
def test_brackets(text: str, reason: str | None) -> None:
    check(symbols(Draft(text), BALANCED), reason)


def test_pages_whose_lines_are_labels_go_though_their_text_is_longer() -> None:
    page = "首页\n新闻中心\n联系我们\n版权所有\n上一篇\n下一篇\n点击进入\n返回顶部\n" + STORY
    assert boilerplate(Draft(page), BALANCED).reason in ("boilerplate", "boilerplate.lines")
    told = f"{STORY}\n他在网页上找到“首页”，又点了“联系我们”，最后看见“版权所有”四个字。\n{STORY}\n{STORY}"
    assert boilerplate(Draft(told), BALANCED).keep


def test_scripts_and_scores_of_language() -> None:
    hant = "渡船靠岸時鐘聲響了，賣藕的婦人挑著擔子走進霧裡，漸漸看不見了。"
    only_hans = LanguageConfig(scripts=("hans", "neutral"))
    assert language(Draft(hant), only_hans).reason == "language.hant"
    assert language(Draft(STORY), only_hans).keep
    assert language(Draft(STORY), FINEWEB.language).keep
    assert not language(Draft("Der alte Uhrmacher öffnete seinen Laden jeden Morgen um acht."), FINEWEB.language).keep


def test_what_was_measured_is_noted() -> None:
    draft = Draft(STORY)
    symbols(draft, BALANCED)
    entropy(draft, BALANCED)
    assert draft.measured["symbols.digits"] == 0.0
    assert 5 < draft.measured["entropy"] < 8
