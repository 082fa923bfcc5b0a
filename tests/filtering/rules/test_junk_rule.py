"""Crawl junk: one row per kind, with the text that shares its signs and is none."""

from __future__ import annotations

import pytest
from repository import QUICKSTART
from small_llama import quickstart_texts

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.extraction import repair_extraction
from hanhua.filtering.judge import Judge
from hanhua.filtering.rules.junk import junk
from hanhua.filtering.text_config import JunkConfig

LIMITS = JunkConfig()
ROWS = [
    (
        "injected",
        "某县实验中学真人棋牌官网召开家长会\n老师们认真准备，百家乐app下载得到好评，家长踊跃参加。\n"
        "关键词：国际娱乐城注册，电子游艺平台",
        "警方端掉一个网上赌场，犯罪团伙假冒某娱乐城官网招揽赌客，涉案的棋牌游戏平台已经关停，主犯被判处有期徒刑。",
    ),
    (
        "injected",
        "我校春季运动会圆满落幕，伟哥多少钱，壮阳药哪里有卖，催情水货到付款，同学们赛出了风格。",
        "医生提醒，伟哥是处方药，多少钱都不该自行购买；长期滥用会伤害心脏。",
    ),
    (
        "keywords",
        "南京开锁公司，南京开锁公司电话，南京开锁公司价格，南京开锁公司哪家好，南京开锁公司收费，南京开锁公司地址",
        "南京有山，南京有水，南京有城墙，我爱南京的梧桐，也爱南京的秋天，更爱南京的人。",
    ),
    (
        "keywords",
        "标签：实木家具,家具定制,儿童家具,办公家具厂家,二手家具回收,家具维修,家具批发,红木家具,家具城",
        "木材有松木,榉木,橡木,胡桃木,樱桃木,柚木,榆木,水曲柳,各有各的纹理,价钱也差得很远",
    ),
    (
        "markup",
        '<ul class="menu"><li><a href="/a">首页</a></li><li><a href="/b">新闻中心</a></li></ul><p>欢迎光临</p>',
        "学习网页要从标签说起。示例：<div><p>你好</p></div>，这段代码里 div 是容器，p 是段落，画出来是两层盒子。",
    ),
    (
        "markup",
        ".top{height:40px;color:#333}#logo{float:left}.menu li{margin:0}function go(){window.location='/'}版权所有",
        "集合{a, b, c}有三个元素，它的子集有八个；若 x < y 且 y < z，则 x < z，这叫传递性。",
    ),
    (
        "markup",
        "<div><span>首页</span><span>上一页</span></div>" * 4,
        "下面是页脚的写法：\n\n```html\n" + "<div><span>首页</span></div>\n" * 8 + "```\n\n把它放在正文之后。",
    ),
    (
        "offers",
        "您好，我司长期代开增值税发票，点数低，先验票后付款，量大从优，需要请来电。",
        "税务机关提醒：声称代开发票、点数低、先验票后付款的都是违法行为，切勿来电联系，发现请举报，公安已抓获多名嫌疑人。",
    ),
    (
        "offers",
        "专业办理各类毕业证、资格证，网上可查，不成功不收费，加微信详谈。",
        "毕业证遗失后可以到学校的教务处办理毕业证明，请带身份证件，联系人是王老师。",
    ),
    (
        "time_codes",
        "".join(f"{n}\n00:0{n}:01,000 --> 00:0{n}:03,500\n走吧，天快黑了\n\n" for n in range(1, 6)),
        "会议安排如下：\n9:00 签到\n9:30 开幕\n10:00 报告\n11:00 讨论\n12:00 午餐\n下午自由交流。",
    ),
    (
        "time_codes",
        "".join(f"[0{n}:1{n}.50]晚风吹过旧码头\n" for n in range(1, 8)),
        "第一段 [1] 说的是起因。\n第二段 [2] 说的是经过。\n第三段。\n第四段。\n第五段。\n第六段。",
    ),
    (
        "single_characters",
        "\n".join("本站所有文章均由网友上传"),
        "春\n\n风从东边来\n河面的冰开了\n\n夏\n\n荷叶一夜之间铺满池塘\n孩子们在岸上数青蛙",
    ),
    (
        "components",
        "冖灬 卩彐彡 丨丿乙亅 冫囗丶丿灬 匸匚 凵冂 亼丷丶丿乀 亠冖",
        "“氵”叫三点水，江河湖海都从它；“灬”叫四点底，热烈的热从它；“彳”叫双人旁，行走的行从它。",
    ),
]


@pytest.mark.parametrize(("kind", "text", "near_miss"), ROWS)
def test_each_kind_and_its_near_miss(kind: str, text: str, near_miss: str) -> None:
    assert junk(Draft(text), LIMITS).reason == f"junk.{kind}"
    assert junk(Draft(near_miss), LIMITS).keep


@pytest.mark.parametrize(("kind", "text", "near_miss"), ROWS)
def test_a_preset_and_another_language_turn_it_off(kind: str, text: str, near_miss: str) -> None:
    for preset in ("none", "fineweb2-zh"):
        limits = FilteringConfig.model_validate({"preset": preset}).junk
        assert junk(Draft(text), limits).keep
    assert junk(Draft(text, language="en"), LIMITS).keep


def test_no_text_of_the_quickstart_is_junk() -> None:
    texts = [text for path in sorted(QUICKSTART.glob("zh_*.jsonl")) for text in quickstart_texts(path.name)]
    assert [text for text in texts if not junk(Draft(text), LIMITS).keep] == []


def test_cut_off_teasers_are_found_by_their_ellipses() -> None:
    teasers = (
        "北方迎来初雪，比往年早了......\n主帅谈到判罚，他认为......\n新手机对比，第二款......\n专家提醒：冬天......"
    )
    judge = Judge(FilteringConfig())
    assert judge.judge(teasers + "\n首页 上一页 5 6 7 下一页", language="zh").verdict.reason == "lines.ellipses"


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("我们⽤⼿⼯做⽊器，⻓年如此。", "我们用手工做木器，长年如此。"),
        ("⻔前有⻋，⻢在⻛中。", "门前有车，马在风中。"),
        ("今天&nbsp;&ldquo;开会&rdquo;&mdash;&mdash;研究&hellip;&hellip;", "今天\xa0“开会”——研究……"),
        ("中国&#8226;北京", "中国•北京"),
        ("警察镇压--&gt;抢劫", "警察镇压-->抢劫"),
        # Near misses: a list of radicals, code, English, an unknown name.
        ("康熙部首：⼀ ⼁ ⼂ ⼃ ⼄ ⼅ ⼆ ⼇ ⼈ ⼉", "康熙部首：⼀ ⼁ ⼂ ⼃ ⼄ ⼅ ⼆ ⼇ ⼈ ⼉"),
        ("⼀⼁⼂⼃⼄", "⼀⼁⼂⼃⼄"),
        ("空格写作`&nbsp;`，引号写作`&ldquo;`。", "空格写作`&nbsp;`，引号写作`&ldquo;`。"),
        ("a&nbsp;b &amp; c", "a&nbsp;b &amp; c"),
        ("参数&name;和&lang=zh", "参数&name;和&lang=zh"),
    ],
)
def test_what_extraction_left_is_repaired(text: str, repaired: str) -> None:
    assert repair_extraction(text) == repaired
    assert repair_extraction(repaired) == repaired


def test_a_judge_repairs_before_it_judges() -> None:
    text = "我们⽤⼿⼯做⽊器，⻓年如此，&ldquo;慢&rdquo;是祖上传下来的规矩，急不得，也乱不得。"
    judged = Judge(FilteringConfig()).judge(text, language="zh")
    assert (
        judged.verdict.keep and judged.text == "我们用手工做木器，长年如此，“慢”是祖上传下来的规矩，急不得，也乱不得。"
    )
    off = Judge(FilteringConfig.model_validate({"preset": "none"})).judge(text, language="zh")
    assert off.text == text
