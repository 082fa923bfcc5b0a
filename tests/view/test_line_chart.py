"""Charts drawn without Matplotlib: within their frame, with round values at their axes, and nothing unescaped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from tiny_run import HOSTILE

from hanhua.view.line_chart import HEIGHT, WIDTH, line_chart, ticks

VALUES = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


@given(points=st.lists(st.tuples(st.integers(0, 100_000), VALUES), min_size=2, max_size=50))
def test_every_point_is_within_the_frame(points: list[tuple[int, float]]) -> None:
    root = ET.fromstring(line_chart({"a": points}, label="loss", faint=points))
    drawn = [one.attrib["points"] for one in root.iter("polyline")]
    assert len(drawn) == 2
    for pair in drawn[1].split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT


@given(low=VALUES, span=st.floats(min_value=1e-3, max_value=1e6))
def test_ticks_are_few_round_and_within(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert len(found) <= 6
    assert all(low - 1e-6 * span <= one <= low + span * (1 + 1e-6) for one in found)
    assert found == sorted(found)


def test_names_are_escaped() -> None:
    drawn = line_chart({HOSTILE: [(0, 1.0), (1, 2.0)]}, label=HOSTILE)
    assert "<script" not in drawn and "<img" not in drawn
    assert ET.fromstring(drawn).attrib["aria-label"].endswith("2.000")


def test_one_point_is_no_line() -> None:
    assert line_chart({"a": [(1, 1.0)]}, label="loss") == ""
    drawn = line_chart({"a": [(1, 1.0)], "b": [(1, 1.0), (2, 1.0)]}, label="loss")
    assert len(re.findall("<polyline", drawn)) == 1
