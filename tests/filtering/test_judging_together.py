"""What a judge says of a text does not depend on the texts that are judged together with it."""

from __future__ import annotations

import random
import re

import pytest
from any_texts import MIXED, REAL, shuffled
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.filtering import judge as judging
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import Draft, Drafts
from hanhua.filtering.harm.evidence import EvidenceFinder
from hanhua.filtering.harm.lexicon import load_lexicon
from hanhua.filtering.joined import join
from hanhua.filtering.judge import Judge
from hanhua.filtering.pii import find_pii
from hanhua.filtering.pii.traces import IP, NUMBERS, traces
from hanhua.filtering.rules.boilerplate import boilerplate
from hanhua.filtering.rules.repetition import run_ratios
from hanhua.filtering.seeds import Seeds
from hanhua.filtering.terms import TermFinder
from hanhua.zh_text.folding import fold
from hanhua.zh_text.matcher import LexiconMatcher

JUDGES = {name: Judge(FilteringConfig.model_validate({"preset": name})) for name in ("balanced", "fineweb2-zh", "none")}
FINDER = EvidenceFinder(load_lexicon(), disguised=True)
# Of each kind that some rule, finder or repair of extraction, wrapping and encoding has to do with.
TELLING = [
    "", " \n\t", "\ud800", "赞", "首页", "首页\n上一篇\n下一篇\n版权所有\n联系我们\n" * 3, "哈" * 90, "\u200b我们",
    "锟斤拷" * 9,
    "信誉菠菜平台首充送，加➕薇信abc123领彩金，百家乐真人荷官在线发牌，澳门赌场官网开户。",
    "北京搬家，北京搬家公司，北京搬家电话，北京搬家价格，北京搬家哪家好，北京长途搬家",
    "手机１３８００１３８０００，扣扣：12345678，微信号abc_1234，一三八零零一三八零零零",
    "请写信到 li.lei[at]example.com。",
    "沪A12D45 来自 61.135.169.121，电话 010-62345678",
    "æˆ‘ä»¬åœ¨è¿™é‡Œ", "我们⽤⼿⼯作&nbsp;&ldquo;好&rdquo;，都很满意。",
    "<div class=a><p>公司</p></div>" * 9, "天\n地\n玄\n黄\n宇\n宙\n洪\n荒", "00:00:01,000 --> 00:00:02,000\n你好\n" * 8,
    "这一行字正好有十六个字所以会被折\n断在这里因为它的宽度是固定不变的\n"
    "而且没有一行是以句号来结束的所以\n它们应该被重新连接成为一个段落",
    "ダウンロードしてください。これは日本語です。", "㎏ ﬁ ① ㍻", "İstanbul QQ１２３４５",
]  # fmt: skip
ANY = st.one_of(
    MIXED,
    st.sampled_from(TELLING),
    st.builds(lambda text, at: text[at : at + 400], st.sampled_from(REAL), st.integers(0, 300)),
    st.builds(lambda parts: "\n".join(parts), st.lists(st.sampled_from([*TELLING, *REAL[:3]]), max_size=4)),
)
LANGUAGES = st.sampled_from(["zh", "zh", "zh", "en", "other"])


@pytest.mark.parametrize("preset", JUDGES)
@given(st.lists(st.tuples(ANY, LANGUAGES), min_size=1, max_size=12), st.sampled_from([1, 60, 400, 96_000]))
@settings(max_examples=10, deadline=None)
def test_together_is_as_one_by_one(preset: str, asked: list[tuple[str, str]], characters: int) -> None:
    judge = JUDGES[preset]
    texts, languages = [text for text, _ in asked], [language for _, language in asked]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "GROUP_CHARACTERS", characters)
        together = judge.judge_all(texts, languages)
    assert together == [judge.judge(text, language=language) for text, language in asked]


def test_any_order_and_any_size_of_batches_gives_the_same() -> None:
    texts = [*TELLING, *REAL[::3], *(shuffled(text, 1) for text in REAL[::15])]
    judge, once = JUDGES["balanced"], {}
    for seed, size in enumerate((1, 7, len(texts))):
        random.Random(seed).shuffle(texts)
        for begin in range(0, len(texts), size):
            batch = texts[begin : begin + size]
            for text, judged in zip(batch, judge.judge_all(batch, ["zh"] * len(batch)), strict=True):
                assert once.setdefault(text, judged) == judged
    assert {judged.verdict.keep for judged in once.values()} == {True, False}


@given(st.lists(ANY, min_size=3, max_size=8))
def test_a_finder_without_a_trace_finds_nothing(texts: list[str]) -> None:
    for text, found in zip(texts, traces(Drafts(texts, ["zh"] * len(texts))), strict=True):
        assert find_pii(text, found) == find_pii(text)


@given(
    st.lists(st.text(alphabet="甲乙丙丁a", max_size=9), min_size=3, max_size=8), st.sets(st.text("甲乙丙a", min_size=1))
)
def test_seeds_are_found_where_they_stand_and_nowhere_else(texts: list[str], seeds: set[str]) -> None:
    """A seed of more than three characters is looked for by its first three, and never across the end of a text."""
    begun = [any(seed[:3] in text for seed in seeds) for text in texts]
    found = Seeds(seeds).bits(join(texts))
    joined = "".join(texts)
    for number, (bits, truth) in enumerate(zip(found, begun, strict=True)):
        begin = sum(map(len, texts[:number]))
        # Beyond the end of a text only what begins within it.
        beyond = joined[begin : begin + len(texts[number]) + 2]
        assert truth <= bool(bits) <= any(seed[:3] in beyond for seed in seeds)


@given(
    st.lists(st.text(alphabet="甲乙丙丁a𠀀", max_size=9), min_size=3, max_size=8),
    st.sets(st.text("甲乙丙a𠀀", min_size=1, max_size=5), min_size=1),
    st.sampled_from([None, 2, 5]),
)
def test_terms_are_found_as_by_an_automaton_in_each_text(texts: list[str], terms: set[str], head: int | None) -> None:
    matcher = LexiconMatcher(sorted(terms))
    found = TermFinder(matcher.forms, matcher.find_in).find(join(texts), head=head)
    assert found == [matcher.find_in(text[:head]) for text in texts]


@given(st.lists(ANY, min_size=3, max_size=8))
def test_homophones_are_those_of_each_text(texts: list[str]) -> None:
    folds = Drafts(texts, ["zh"] * len(texts)).folds
    asked = [folds.folded(number).text for number in range(len(texts))]
    assert FINDER.homophones_of_each(folds, longest=300) == [
        FINDER.homophones(text) if len(text) <= 300 else [] for text in asked
    ]


@given(st.lists(st.text(alphabet="12xX .-:a字\u3000", max_size=30), min_size=3, max_size=8))
def test_a_long_number_or_address_leaves_a_trace(texts: list[str]) -> None:
    for text, found in zip(texts, traces(Drafts(texts, ["zh"] * len(texts))), strict=True):
        assert bool(found & NUMBERS) >= bool(re.search(r"[0-9](?:[ \u3000.\-]{0,2}[0-9xX]){4}", text))
        assert bool(found & IP) >= bool(re.search(r"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[23][0-9a]{3}:", text))


@given(st.lists(ANY, min_size=1, max_size=8))
def test_texts_are_folded_each_by_itself(texts: list[str]) -> None:
    for text, draft in zip(texts, Drafts(texts, ["zh"] * len(texts)), strict=True):
        alone = fold(text)
        assert draft.folded.text == alone.text
        assert draft.folded.offsets.tolist() == draft.folded_offsets.tolist() == alone.offsets.tolist()


@given(st.lists(ANY, min_size=1, max_size=8))
def test_lines_are_those_of_a_split(texts: list[str]) -> None:
    drafts = Drafts(texts, ["zh"] * len(texts))
    joined, lines = "".join(texts), drafts.lines
    bounds = zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)
    assert [joined[begin:end] for begin, end in bounds] == [line for text in texts for line in text.split("\n")]
    stripped = zip(lines.begins.tolist(), lines.stops.tolist(), strict=True)
    assert [joined[a:b] for a, b in stripped] == [line.strip() for text in texts for line in text.split("\n")]
    assert lines.filled == [len(draft.lines) for draft in drafts]


def test_a_run_or_a_label_across_the_end_of_a_text_is_none() -> None:
    assert [draft.view(run_ratios) for draft in Drafts(["哈哈", "哈", "哈哈"], ["zh"] * 3)] == [0.0, 0.0, 0.0]
    limits = FilteringConfig().quality
    parted = Drafts(["春首", "页上一", "篇下一", "篇版权所", "有"], ["zh"] * 5)
    assert all(boilerplate(draft, limits).keep for draft in parted)
    assert not boilerplate(Draft("首页上一篇下一篇版权所有"), limits).keep
