"""Boilerplate: three labels at least, and too much of the text or too many of its lines."""

from __future__ import annotations

import random

import pytest
from any_texts import MIXED, REAL
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.config import QualityConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.rules.boilerplate import HEAD, MIN_LABELS, boilerplate

BALANCED = QualityConfig()
LABELS = ["首页", "上一篇", "下一篇", "版权所有", "联系我们", "返回顶部", "关于我们", "友情链接"]


@pytest.mark.parametrize("text", REAL)
def test_prose_passes_with_two_labels_and_with_a_footer(text: str) -> None:
    assert boilerplate(Draft(text), BALANCED).keep
    assert boilerplate(Draft(f"首页 上一篇\n{text}"), BALANCED).keep
    if len(text) > 300:
        assert boilerplate(Draft(f"{text}\n上一篇 下一篇 返回顶部 版权所有"), BALANCED).keep


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=12), st.sampled_from(" |·\n"))
def test_labels_alone_go_from_three_different_ones_on(some: list[str], between: str) -> None:
    verdict = boilerplate(Draft(between.join(some)), BALANCED)
    assert verdict.keep == (len(set(some)) < MIN_LABELS)
    assert verdict.keep or verdict.reason == "boilerplate"


@given(st.permutations(LABELS), st.randoms(use_true_random=False))
def test_the_order_of_lines_says_nothing(labels: list[str], chance: random.Random) -> None:
    page = [*labels, *(REAL[0][:40], REAL[1][:40])]
    other = page.copy()
    chance.shuffle(other)
    assert boilerplate(Draft("\n".join(page)), BALANCED) == boilerplate(Draft("\n".join(other)), BALANCED)


@given(MIXED)
def test_off_and_in_other_languages_nothing_is_asked(text: str) -> None:
    page = text + "".join(LABELS)
    off = QualityConfig(max_boilerplate_ratio=None, max_boilerplate_line_ratio=None)
    for draft, limits in ((Draft(page), off), (Draft(page, language="en"), BALANCED)):
        assert boilerplate(draft, limits).keep and not draft.measured


@given(st.integers(0, 30))
def test_more_text_beside_the_labels_makes_their_share_smaller(sentences: int) -> None:
    def share(count: int) -> float:
        draft = Draft("".join(LABELS) + "渡船靠岸时钟声响了。" * count)
        boilerplate(draft, QualityConfig(max_boilerplate_ratio=1, max_boilerplate_line_ratio=1))
        return draft.measured["boilerplate"]

    assert 1 >= share(sentences) > share(sentences + 1) > 0
    covered = sum(map(len, LABELS))
    assert share(sentences) == pytest.approx(covered / (covered + 9 * sentences))


def test_links_count_as_labels_do() -> None:
    labels, links = " ".join(LABELS[:3]), "http://a.example/page1 https://b.example/2 www.c.example"
    text = "渡船靠岸时钟声响了，卖藕的妇人挑着担子走进雾里。"
    assert boilerplate(Draft(f"{labels} {text}"), BALANCED).reason == "boilerplate" or len(text) > 20
    with_links, without = Draft(f"{labels}{text}{links}"), Draft(f"{labels}{text}")
    for draft in (with_links, without):
        boilerplate(draft, QualityConfig(max_boilerplate_ratio=1))
    assert with_links.measured["boilerplate"] > without.measured["boilerplate"]


def test_only_the_beginning_is_looked_at() -> None:
    story = "".join(chr(0x4E00 + i % 6000) for i in range(HEAD))
    assert boilerplate(Draft(story + "\n".join(LABELS) * 200), BALANCED).keep
    assert not boilerplate(Draft("\n".join(LABELS) * 200 + story), BALANCED).keep


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("首頁 上一篇 下一篇 版權所有", "boilerplate"),  # Traditional as well
        ("首 页 | 上 一 篇 | 下 一 篇", "boilerplate"),  # spaces between do not help
        ("首页首页首页首页", None),  # one label, however often
        ("首页、上一篇", None),
        (f"{REAL[0]}首页上一篇下一篇", None),
    ],
)
def test_table(text: str, reason: str | None) -> None:
    assert boilerplate(Draft(text), BALANCED).reason == (reason or "")
