"""Scores of pages: each kind with its look-alike, the same in any company; words and lines counted where they stand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from any_texts import MIXED, REAL
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.filtering.config import FilteringConfig, HarmConfig
from hanhua.filtering.document import Draft, Drafts
from hanhua.filtering.harm.layers import build_harm_scorer_beside
from hanhua.filtering.judge import Judge
from hanhua.filtering.linear.windows import Plan, plan_windows
from hanhua.filtering.pages.features import FEATURES, page_features, words_of
from hanhua.filtering.pages.layout import HEAD, MAX_SENTENCE, lay_out
from hanhua.filtering.pages.scores import PAGE_KINDS, PageScorer, shipped_weights, weights_of
from hanhua.filtering.pages.whole import page_model_of, said_by, save_page_model, shipped_page_model
from hanhua.filtering.pages.words import word_groups
from hanhua.filtering.rules.page_scores import page_junk
from hanhua.filtering.text_config import JunkConfig
from hanhua.zh_text.folding import fold

WRITTEN = Path(__file__).parents[3] / "benchmarks" / "junk_pages.jsonl"
MODEL = shipped_page_model()
SCORER = PageScorer(MODEL, build_harm_scorer_beside(HarmConfig(enabled=False), MODEL).read_windows)
ROWS = [
    (
        "thin",
        "空调不制冷怎么办?_家电问答\n全部回答(0)\n登录后才可以回答 立即注册\n举报 收藏 分享",
        "空调不制冷怎么办?_家电问答\n先看滤网脏不脏,拆下来用水冲洗干净再装回去;还不行就是缺氟,要请人来加,一般一百五十元左右。",
    ),
    (
        "listing",
        "菜谱大全_家常菜_美食网\n红烧肉的做法 糖醋排骨的做法 鱼香肉丝的做法 宫保鸡丁的做法 水煮鱼的做法\n"
        "冬天喝什么汤最养人,广东人每天都在喝...[详细]\n这样炒出来的土豆丝又脆又香,秘诀在于...[详细]\n"
        "热门推荐 凉菜 热菜 汤羹 主食 小吃 烘焙\n上一页 1 2 3 4 5 下一页",
        "春游\n清晨出门,露水还在草上。\n走过三座桥,桥下的水一座比一座急。\n午后坐在松树下面吃饭,饭团有一点凉。\n"
        "回来的路上下起小雨,谁也没有带伞,却都走得很慢。",
    ),
    (
        "promotion",
        "济宁挖掘机配件厂家批发,小型挖掘机价格优惠。我公司专业生产挖掘机铲斗、履带、液压泵,产品质量可靠,规格齐全,"
        "可来图定制。厂家直销,量大从优,售后服务完善,欢迎新老客户来电咨询订购,服务热线全天开通,竭诚为您服务!",
        "挖掘机的液压泵为什么会发热?我在工地修了十年机器,见得最多的是油箱缺油和滤芯堵塞。先停机等油温降下来,再看油标,"
        "不够就加同一牌号的油。滤芯每五百小时换一次,不要图便宜。如果还热,多半是泵里的配流盘磨损,只能拆开修。",
    ),
]


@pytest.mark.parametrize(("kind", "text", "near_miss"), ROWS, ids=PAGE_KINDS)
def test_each_kind_and_its_near_miss(kind: str, text: str, near_miss: str) -> None:
    assert page_junk(Draft(text), JunkConfig(), scorer=SCORER).reason == f"junk.{kind}"
    near = Draft(near_miss)
    assert page_junk(near, JunkConfig(), scorer=SCORER).keep
    assert near.measured[f"junk.{kind}"] < 0.5
    assert page_junk(Draft(text, language="en"), JunkConfig(), scorer=SCORER).keep
    off = FilteringConfig.model_validate({"preset": "fineweb2-zh"}).junk
    assert page_junk(Draft(text), off, scorer=SCORER).keep


def test_texts_written_for_this_are_told_from_their_look_alikes() -> None:
    rows = [json.loads(line) for line in WRITTEN.read_text(encoding="utf-8").splitlines()]
    scores = np.array(SCORER.scores(Drafts([row["text"] for row in rows], ["zh"] * len(rows))))
    rejected = Counter((row["kind"], bool(score.max() > 0.5)) for row, score in zip(rows, scores, strict=True))
    # They were learned from: this says that the weights are those of these features, and not how good they are.
    assert rejected["good", True] <= 1
    for kind in PAGE_KINDS:
        assert rejected[kind, True] > 4 * rejected[kind, False], kind


def test_a_page_as_a_whole_is_told_where_no_kind_is() -> None:
    advert = (
        "选择一家好的月子中心，关系到产妇的恢复和宝宝的健康。我们的护理师全部持证上岗，二十四小时陪护，营养师根据每位妈妈的体质"
        "制定菜单，让您吃得放心。环境温馨舒适，交通便利，提前预订还有精美礼品相送。想了解更多套餐，欢迎添加客服微信，"
        "我们会有专人为您安排参观，名额有限，先到先得，把最好的开始送给您和宝宝。"
    )
    letter = (
        "姐姐坐月子那年，我在她家住了一个月。每天早上买菜，熬汤，给孩子换尿布，夜里轮着起来。她总说汤太淡，我就少放一碗水。"
        "出月子那天她哭了，说没有想到会这么累。后来我自己生孩子，才知道她当时说的那些话是什么意思。"
    )
    assert page_junk(Draft(advert), JunkConfig(), scorer=SCORER).reason == "junk.page"
    assert page_junk(Draft(letter), JunkConfig(), scorer=SCORER).keep
    assert page_junk(Draft(advert), JunkConfig(max_page_score=None), scorer=SCORER).keep


def test_a_long_page_is_as_sure_as_its_windows_agree() -> None:
    even = Plan(np.arange(4), np.ones(4), even=True)
    margins = np.array([1.0, 1.0, 1.0, 1.0], dtype=np.float32)
    assert said_by(margins, even) == pytest.approx(2.0)
    assert said_by(margins[:1], plan_windows(30)) == pytest.approx(1.0)
    assert said_by(margins, Plan(np.arange(4), np.array([97.0, 1, 1, 1]))) == pytest.approx(1.0, abs=0.05)


def test_the_model_is_read_back_and_refuses_other_features(tmp_path: Path) -> None:
    save_page_model(MODEL, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"whole.json", "whole.safetensors"}
    named = json.loads((tmp_path / "whole.json").read_text())
    assert np.array_equal(page_model_of(named, MODEL.ngrams).weights, MODEL.weights)
    del named[FEATURES[0]]
    with pytest.raises(ValueError, match="other features"):
        page_model_of(named, MODEL.ngrams)


def test_no_text_of_the_quickstart_is_rejected() -> None:
    assert [text for text in REAL if not page_junk(Draft(text), JunkConfig(), scorer=SCORER).keep] == []


@given(st.lists(st.one_of(MIXED, st.sampled_from([*REAL, *(row[1] for row in ROWS)])), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_features_and_scores_do_not_depend_on_the_company(texts: list[str]) -> None:
    together = Drafts(texts, ["zh"] * len(texts))
    rows, scores = together.view(page_features), together.view(SCORER.scores)
    for text, row, score in zip(texts, rows, scores, strict=True):
        alone = Drafts([text], ["zh"])
        assert np.array_equal(alone.view(page_features)[0], row)
        assert alone.view(SCORER.scores)[0] == score
        assert np.isfinite(row).all()
        assert row.min() >= 0
        assert row.max() <= 2


@given(MIXED)
@settings(max_examples=50, deadline=None)
def test_words_are_counted_as_a_search_for_each_finds_them(text: str) -> None:
    groups = word_groups()
    text = "关于我们" + text + "咨询热线欢迎来电" + text
    _, totals, different = words_of(Drafts(["更多", text], ["zh", "zh"]))
    folded = fold(text).text
    for number, name in enumerate(groups.names):
        counts = [sum(folded.startswith(word, at) for at in range(len(folded))) for word in groups.words[name]]
        assert totals[1, number] == sum(counts), name
        assert different[1, number] == sum(count > 0 for count in counts), name


def test_words_are_folded_and_in_one_group_only() -> None:
    words = [word for words in word_groups().words.values() for word in words]
    assert len(words) == len(set(words)) > 500
    assert [word for word in words if fold(word).text != word] == []


def test_lines_tell_sentences_phrases_dates_prices_and_numbers() -> None:
    text = (
        "标题 - 网站\n今天我们去公园划船。好!\n首页 新闻中心 联系我们 EN\n2016-11-08 12:30 售价35元\n"
        "电话13900000000 [PHONE]\n还有很多...[详细]\n你 好 吗"
    )
    layout = lay_out([text, "", "第二篇没有换行"])
    assert layout.sentences().tolist() == [0, 9, 0, 0, 0, 0, 0, 0, 0]
    assert layout.phrases()[1][:3].tolist() == [2, 0, 3]
    assert layout.dates().tolist() == [0, 0, 0, 3, 0, 0, 0, 0, 0]
    assert layout.prices().tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert layout.numbers().tolist() == [0, 0, 0, 1, 2, 0, 0, 0, 0]
    assert layout.cut_off().tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert layout.dashes.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert layout.apart().tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert layout.owners.tolist() == [0] * 7 + [1, 2]


@given(st.lists(MIXED, min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_every_character_of_a_line_is_counted_once(texts: list[str]) -> None:
    layout = lay_out(texts)
    lines = [line for text in texts for line in text.split("\n")]
    assert layout.by_line.sum(axis=1).tolist() == [len(line) + 1 for line in lines]
    assert layout.visible.tolist() == [sum(not c.isspace() for c in line) for line in lines]


def test_a_long_line_and_a_long_text_do_not_overflow_their_counters() -> None:
    text = "的" * (2 * HEAD)
    layout = lay_out([text, "。" * HEAD, text[:10] + "。"])
    assert layout.by_line.max() == HEAD
    assert layout.by_line.sum() == 2 * (HEAD + 1) + 12
    assert lay_out([text[: HEAD - 1] + "。"]).sentences().tolist() == [MAX_SENTENCE]


def test_weights_of_other_features_are_refused() -> None:
    kinds = {kind: {**dict.fromkeys(FEATURES, 0.0), "intercept": 0.0} for kind in PAGE_KINDS}
    assert weights_of(kinds).scores(np.zeros((1, len(FEATURES)))).tolist() == [[0.5, 0.5, 0.5]]
    del kinds["thin"][FEATURES[0]]
    with pytest.raises(ValueError, match="thin"):
        weights_of(kinds)
    assert shipped_weights().weights.shape == (len(PAGE_KINDS), len(FEATURES))


def test_a_judge_names_the_kind_and_each_can_be_turned_off() -> None:
    judge = Judge(FilteringConfig.model_validate({"harm": {"enabled": False}}))
    assert judge.judge(ROWS[2][1], language="zh").verdict.reason == "junk.promotion"
    junk = {"max_promotion_score": None}
    some = Judge(FilteringConfig.model_validate({"harm": {"enabled": False}, "junk": junk}))
    assert some.judge(ROWS[2][1], language="zh").verdict.reason == "junk.page"
    loose = Judge(
        FilteringConfig.model_validate({"harm": {"enabled": False}, "junk": {**junk, "max_page_score": None}})
    )
    assert loose.judge(ROWS[2][1], language="zh").verdict.keep
