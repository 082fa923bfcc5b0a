"""Posts of 5 to 11 different characters are classified, more carefully than longer ones, with their near misses."""

from __future__ import annotations

import re

import pytest
from repository import QUICKSTART
from small_llama import quickstart_texts

from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.harm.layers import FEW_DISTINCT, MIN_DISTINCT
from hanhua.zh_text.folding import fold


def distinct(text: str) -> int:
    return len(set(fold(text).text))


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("百家乐送彩金", "gambling"),
        ("真人荷官百家乐", "gambling"),
        ("六合彩内部资料", "gambling"),
        ("出售银行卡四件套", "black_market"),
        ("代开增值税发票", "black_market"),
        ("刷单日赚三百", "fraud"),
        ("河南人都是骗子", "hate"),
        ("迷药出售加QQ", "illegal_goods"),
    ],
)
def test_short_posts_that_are_found(text: str, category: str) -> None:
    assert MIN_DISTINCT <= distinct(text) < FEW_DISTINCT
    found = build_harm_scorer().score(text)
    assert (found.category, found.score >= 0.5) == (category, True)
    assert found.spans


@pytest.mark.parametrize(
    "text",
    [
        "银行卡丢了怎么办",
        "发票怎么查真伪",
        "杀毒软件哪个好",
        "宠物安乐死多少钱",
        "余额充值失败",
        "彩票站几点关门",
        "黑人音乐的历史",
        "微信加好友失败",
        "账号注册失败",
        "法院判了死刑",
        "垃圾分类指南",
    ],
)
def test_short_posts_that_only_name_such_things(text: str) -> None:
    assert MIN_DISTINCT <= distinct(text) < FEW_DISTINCT
    assert build_harm_scorer().score(text).score < 0.5


def test_hardly_a_sentence_of_the_quickstart_is_taken_for_harm() -> None:
    texts = [text for path in sorted(QUICKSTART.glob("zh_hans_*.jsonl")) for text in quickstart_texts(path.name)]
    sentences = {one for text in texts for one in re.split("[。！？，；：\n]", text)}
    short = [one for one in sorted(sentences) if MIN_DISTINCT <= distinct(one) < FEW_DISTINCT]
    assert len(short) > 1000
    scorer = build_harm_scorer()
    found = [one for one in short if scorer.score(one).score >= 0.5]
    assert len(found) <= len(short) / 500, found


@pytest.mark.parametrize("text", ["百家", "赌" * 30, "哈哈哈哈，呵呵呵呵，嘿嘿嘿"])
def test_a_word_or_two_however_often_are_left_to_the_lexicon(text: str) -> None:
    assert distinct(text) < MIN_DISTINCT
    assert build_harm_scorer().score(text).score < 0.5
