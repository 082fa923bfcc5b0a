"""Rules of lines: shares of lines, whatever their order and the space around them; verse and dialogue pass."""

from __future__ import annotations

import math
import random

import pytest
from any_texts import REAL
from hypothesis import assume, given
from hypothesis import strategies as st

from hanhua.filtering.config import FilteringConfig, QualityConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.rules.lines import MIN_LINES, lines

OFF = dict.fromkeys(
    ("max_list_line_ratio", "max_ellipsis_line_ratio", "max_duplicate_lines_ratio", "min_punctuated_line_ratio")
)
FINEWEB = FilteringConfig(preset="fineweb2-zh").quality
OPEN = QualityConfig(
    max_list_line_ratio=1, max_ellipsis_line_ratio=1, max_duplicate_lines_ratio=1, min_punctuated_line_ratio=0
)
SOME = st.lists(
    st.sampled_from(["- 项目", "• 项目", "他说……", "然后...", "春眠不觉晓，", "春眠不觉晓", "完了。", "Really?", "12"]),
    min_size=1,
    max_size=12,
)


def measured(text: str) -> dict[str, float]:
    draft = Draft(text)
    assert lines(draft, OPEN).keep
    return draft.measured


@given(SOME)
def test_shares_are_counted_as_by_hand(some: list[str]) -> None:
    found = measured("\n".join(some))
    if len(some) >= MIN_LINES:
        assert found["lines.lists"] == sum(line[0] in "-•" for line in some) / len(some)
        assert found["lines.ellipses"] == sum(line.endswith(("……", "...")) for line in some) / len(some)
        assert found["lines.said_before"] == pytest.approx(1 - len(set(some)) / len(some))
    ended = sum(line[-1] not in "，目晓2" for line in some) / len(some)
    assert found["lines.unpunctuated"] == pytest.approx(ended)


@given(SOME, st.randoms(use_true_random=False), st.sampled_from(["", " ", "\u3000\u3000", "\t"]))
def test_order_blank_lines_and_indents_say_nothing(some: list[str], chance: random.Random, indent: str) -> None:
    other = some.copy()
    chance.shuffle(other)
    assert measured("\n\n".join(indent + line for line in other)) == measured("\n".join(some))


@given(SOME, st.integers(2, 4))
def test_all_but_repetition_are_shares_of_any_length(some: list[str], times: int) -> None:
    assume(len(some) >= MIN_LINES)
    once, more = measured("\n".join(some)), measured("\n".join(some * times))
    for name in ("lines.lists", "lines.ellipses", "lines.unpunctuated"):
        assert more[name] == pytest.approx(once[name])
    assert more["lines.said_before"] == pytest.approx(1 - (1 - once["lines.said_before"]) / times)


@given(SOME)
def test_each_limit_is_kept_exactly_and_named(some: list[str]) -> None:
    text = "\n".join(some)
    fields = {
        "lines.lists": "max_list_line_ratio",
        "lines.ellipses": "max_ellipsis_line_ratio",
        "lines.said_before": "max_duplicate_lines_ratio",
    }
    found = measured(text)
    for reason, field in fields.items():
        if found.get(reason):
            assert lines(Draft(text), QualityConfig(**{**OFF, field: found[reason]})).keep
            below = QualityConfig(**{**OFF, field: math.nextafter(found[reason], 0)})
            assert lines(Draft(text), below).reason == reason
    least = found["lines.unpunctuated"]
    assert lines(Draft(text), QualityConfig(**{**OFF, "min_punctuated_line_ratio": least})).keep
    if least < 1:
        above = QualityConfig(**{**OFF, "min_punctuated_line_ratio": math.nextafter(least, 2)})
        assert lines(Draft(text), above).reason == "lines.unpunctuated"


@pytest.mark.parametrize("text", REAL[:12])
def test_prose_and_verse_pass(text: str) -> None:
    assert lines(Draft(text), QualityConfig()).keep


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- 一\n- 二\n- 三", "lines.lists"),
        ("● 一\n■ 二\n※ 三", "lines.lists"),
        ("1. 一\n2. 二\n3. 三。", None),  # numbers are no bullets
        ("- 一\n- 二", "lines.unpunctuated"),  # two lines are none to judge by, but for their marks
        ("- 一\n- 二\n- 三\n- 四\n- 五\n- 六\n- 七\n- 八\n- 九\n正文一句。", "lines.unpunctuated"),
        ("他走了……\n她也走了……\n天黑了。", "lines.ellipses"),
        ("他走了。。。\n她也走了...\n天黑了。", "lines.ellipses"),
        ("他走了……\n她没有走。\n天黑了。\n下雨了。", None),
        ("起立。\n起立。\n坐下。", "lines.said_before"),
        ("起立。\n坐下。\n起立！\n坐下！", None),
        ("首页\n新闻\n体育", "lines.unpunctuated"),
        ("首页\n新闻\n体育\n今天下雨。", None),
        ("“走吧。”\n（他点头）\n《日出》", None),
    ],
)
def test_table_as_fineweb2(text: str, reason: str | None) -> None:
    assert lines(Draft(text), FINEWEB).reason == (reason or "")
