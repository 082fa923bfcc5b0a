"""The harmful-content filter: what it must find, what it must leave alone, and where."""

from __future__ import annotations

import pytest
from harm_texts import HARMFUL, HARMLESS
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.filtering.config import CATEGORIES
from hanhua.filtering.harm import build_harm_scorer, build_junk_test
from hanhua.filtering.harm.lexicon import load_lexicon
from hanhua.services import HarmScorer, JunkTest

SCORER: HarmScorer = build_harm_scorer()
NOVEL = (
    "船过了三道湾，天就黑了。撑船的老人把灯挂在桅上，灯影在水里晃成一条线。岸上有人唱山歌，唱到一半停住，"
    "像是忘了词。老人笑了笑，替他把后半句接上，声音不大，水面却好像静了一静。"
)


@pytest.mark.parametrize(("text", "category"), HARMFUL)
def test_finds(text: str, category: str) -> None:
    found = SCORER.score(text)
    assert (found.category, found.score >= 0.5) == (category, True)


@pytest.mark.parametrize("text", HARMLESS)
def test_leaves_alone(text: str) -> None:
    assert SCORER.score(text).score < 0.5


def test_every_category_is_tested() -> None:
    assert {category for _, category in HARMFUL} == set(CATEGORIES)


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("要玩的➕薇信 bc886600，菠菜平台首充送，百家乐秒提款。", ["➕薇信 bc886600", "菠菜平台首充送", "百家乐"]),
        ("联系威❤ bc886600 ，新会员注册即送彩金，百-家-乐随时开局。", ["威❤ bc886600", "注册即送", "百-家-乐"]),
        ("線上賭場，新會員註冊即送體驗金，百家樂", ["線上賭場", "百家樂"]),
    ],
)
def test_spans_are_of_the_original(text: str, evidence: list[str]) -> None:
    spans = [text[start:end] for start, end in SCORER.score(text).spans]
    for piece in evidence:
        assert any(piece in span for span in spans), (piece, spans)


def test_one_hit_never_rejects() -> None:
    for term, senses in load_lexicon().senses.items():
        if any(sense.list_name in CATEGORIES for sense in senses):
            assert SCORER.score(f"{NOVEL}{term}。{NOVEL}").score < 0.5, term
            assert SCORER.score(f"{term}。{term}！{term}").score < 0.5, term


def test_a_few_lines_of_spam_do_not_condemn_a_book() -> None:
    spam = "信誉菠菜平台首充送100，百家乐、老虎机，加微信 abc12345 领彩金。"
    assert SCORER.score(spam + NOVEL).score >= 0.5
    assert SCORER.score(NOVEL * 60 + spam + NOVEL * 60).score < 0.5


def test_marks_between_sentences_part_words() -> None:
    # 下注, 中出 and 内射 are there only across the marks.
    text = "雨还在下。注水的桶满了。他从人群中。出来以后，在院内。射了一箭。" * 3
    assert SCORER.score(text).score < 0.5


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_text_has_a_score_and_spans_inside_it(text: str) -> None:
    found = SCORER.score("百家乐首充送" + text + "彩金")
    assert 0 <= found.score < 1
    assert all(0 <= start < end <= len(text) + 8 for start, end in found.spans)
    assert found.spans == sorted(found.spans)


@pytest.mark.parametrize(
    "string",
    [
        "中文字幕",
        "查看摘要",
        "网刊下载次数",
        "网刊下载次",
        "天天中彩票",
        "大发时时彩",
        "国产精品",
        "日本一级特黄",
        "久久热",
        "北京赛车",
        "无码不卡",
        "中文字幕在线",
    ],
)
def test_junk_tokens(string: str) -> None:
    junk: JunkTest = build_junk_test()
    assert junk.is_junk(string)


@pytest.mark.parametrize(
    "string",
    [
        "中文",
        "字幕",
        "摘要",
        "下载",
        "次数",
        "中国",
        "平台",
        "服务",
        "营利性服务",
        "制度性交易",
        "安全职责",
        "开发情况",
        "大麻仁",
        "菠菜",
        "数据库",
        "人民",
        "赌博",
        "杀人",
        "医院",
        "，",
        "。",
        "的",
        "hello",
        "😀",
    ],
)
def test_tokens_worth_having(string: str) -> None:
    assert not build_junk_test().is_junk(string)


def test_fingerprints_tell_the_words() -> None:
    assert len({SCORER.fingerprint, build_junk_test().fingerprint}) == 2
    assert build_harm_scorer().fingerprint == SCORER.fingerprint
