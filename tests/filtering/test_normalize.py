"""Clean-up: what is broken goes, what an editor would keep stays byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge
from hanhua.filtering.normalize import clean, join_hard_wraps

JUDGE = Judge(FilteringConfig(harm={"enabled": False}))
PROSE = (
    "老张每天清晨推着车出门先到桥头买两个烧饼再绕到\n"
    "河边看一会儿别人下棋，冬天河面结了冰，棋摊搬进\n"
    "茶馆，他便在靠窗的位子上坐下，一壶茶喝到日头偏\n"
    "西，回家路上顺手带一把青菜。"
)


@pytest.mark.parametrize(
    "text",
    [
        "乾隆年間，著作等身，慰藉人心，裡裡外外。",
        "\u3000\u3000段首空两格，是排版的习惯。\n\n\u3000\u3000第二段也一样。",
        "代码如下：\n\n```python\ndef f(x):\n    return x  # 返回\n```\n\n结尾有两个空格  \n换行。",
        "👨‍👩‍👧 一家三口❤️，不间断空格\u00a0保留。",
        "春眠不觉晓，\n处处闻啼鸟。\n夜来风雨声，\n花落知多少。\n" * 3,
        "床前明月光\n疑是地上霜\n举头望明月\n低头思故乡\n",
        "风雨送春归飞雪迎春到已是悬崖百丈冰犹有花枝俏\n" * 1 + "短行\n\n" + "另一段。",
        "\n".join(f"- 第{i}项是一件需要在今天之内完成的重要事情清单" for i in "一二三四五六"),
        "\n".join(f"{i}、本办法适用于本市行政区域内的活动以及管理" for i in "一二三四五六"),
        "姓名\t年龄\n小明\t12\n小红\t13\n小刚\t14\n小丽\t15",
    ],
)
def test_comes_through_byte_for_byte(text: str) -> None:
    assert JUDGE.judge(text, language="zh").text == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("第一行\r\n第二行\r第三行\u2028第四行", "第一行\n第二行\n第三行\n第四行"),
        ("零\u200b宽\ufeff度\u00ad和\x00控制\x07符", "零宽度和控制符"),
        ("私用区\ue000\uf8ff的字", "私用区的字"),
        ("半个代理\ud83d坏了", "半个代理\ufffd坏了"),
        ("一\t二\n三", "一\t二\n三"),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_hard_wraps_are_joined_and_paragraphs_kept() -> None:
    assert join_hard_wraps(PROSE) == PROSE.replace("\n", "")
    assert join_hard_wraps(f"{PROSE}\n\n{PROSE}\n") == f"{PROSE}\n\n{PROSE}\n".replace("到\n", "到").replace(
        "进\n", "进"
    ).replace("偏\n", "偏")
    assert join_hard_wraps("short\nlines\nof\ncode\n" * 5) == "short\nlines\nof\ncode\n" * 5


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_judged_and_written(text: str) -> None:
    for language in ("zh", "en"):
        JUDGE.judge(text, language=language).text.encode()
    once = clean(text)
    assert clean(once) == once
    assert join_hard_wraps(join_hard_wraps(once)) == join_hard_wraps(once)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=100))
@settings(max_examples=200, deadline=None)
def test_preset_none_changes_nothing(text: str) -> None:
    assert Judge(FilteringConfig(preset="none")).judge(text, language="zh").text == text
