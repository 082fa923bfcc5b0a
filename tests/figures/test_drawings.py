"""Every drawing is one safe SVG element, the same twice, with its numbers as text and the page's own colors."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.figures.plots import (
    MAX_REASONS,
    Line,
    few_reasons,
    plot_bits,
    plot_compression,
    plot_funnel,
    plot_shares,
    plot_training,
)
from hanhua.figures.run_models import BY_NAME, NAMES, RUN_MODELS, in_order, label_of
from hanhua.figures.svg import COLOR_OF_MODEL, MARKER_OF_MODEL, VARIABLES, fitted, width_px

NAME = st.text(alphabet="散文诗歌历史abc <>&\"'\u202e\x00$_", min_size=1, max_size=30)
REASONS = st.dictionaries(
    st.from_regex(r"\A(harm|pii|length|r[0-9])(\.[a-z]{1,3})?\Z"), st.integers(1, 99), max_size=25
)


def text_of(svg: str) -> str:
    """Return all text of a drawing; it must be one well-formed SVG element without scripts, styles or links."""
    root = ET.fromstring(svg)
    assert root.tag == "svg" and root.get("role") == "img" and root.get("aria-label")
    tags = {element.tag for element in root.iter()}
    assert not tags & {"script", "style", "image", "foreignObject", "metadata", "a"}
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for color in VARIABLES:
        assert color not in svg, "a stand-in color was left"
    return " ".join(element.text or "" for element in root.iter("text"))


@given(st.integers(0, 5000), REASONS)
@settings(max_examples=10)
def test_a_funnel_says_what_was_read_lost_and_kept(kept: int, reasons: dict[str, int]) -> None:
    read = kept + sum(reasons.values())
    svg = plot_funnel(read, kept, reasons)
    said = text_of(svg)
    assert f"{read:,}" in said and f"{kept:,}" in said
    for count in few_reasons(reasons).values():
        assert f"−{count:,} ({count / read:.1%})" in said
    assert svg == plot_funnel(read, kept, reasons)


@given(REASONS)
def test_few_reasons_lose_no_document_and_come_most_first(reasons: dict[str, int]) -> None:
    few = few_reasons(reasons)
    assert sum(few.values()) == sum(reasons.values())
    assert len(few) <= MAX_REASONS + 1
    named = [count for name, count in few.items() if not name.endswith("other reasons")]
    assert named == sorted(named, reverse=True)
    if len(reasons) <= MAX_REASONS:
        assert few == reasons


@given(st.lists(st.tuples(NAME, st.floats(0.5, 4), st.floats(0.5, 4)), min_size=1, max_size=4))
@settings(max_examples=8)
def test_compression_says_the_gain_of_every_domain(rows: list[tuple[str, float, float]]) -> None:
    said = Counter(word for word in text_of(plot_compression(rows)).split() if word.startswith("×"))
    assert not Counter(f"×{after / before:.2f}" for _, before, after in rows) - said


LINES = st.lists(
    st.builds(
        Line,
        group=NAME,
        model=st.sampled_from([*NAMES, "somebody's"]),
        value=st.floats(0.01, 0.99),
        interval=st.none() | st.tuples(st.floats(0, 0.5), st.floats(0.5, 1)),
    ),
    min_size=1,
    max_size=5,
)


@given(LINES)
@settings(max_examples=8)
def test_shares_and_bits_are_said_at_every_line(lines: list[Line]) -> None:
    shares = text_of(plot_shares(lines, name="n", title="accuracy", chance=0.25))
    bits = text_of(plot_bits(lines))
    for line in lines:
        assert f"{line.value:.1%}" in shares and f"{line.value:.3f}" in bits
        assert fitted(label_of(line.model), 136) in shares


@pytest.mark.parametrize("chinese", [True, False])
def test_a_training_curve_has_a_panel_for_bits_where_there_are_some(chinese: bool) -> None:
    points = [
        {
            "tokens": 1000 * step,
            "loss": 3.0 - step / 10,
            "loss_low": 2.8 - step / 10,
            "loss_high": 3.2 - step / 10,
            "learning_rate": 1e-4,
            "bits_per_character": 4.0 if chinese else None,
        }
        for step in range(1, 9)
    ]
    said = text_of(plot_training(points))
    assert ("bits per character" in said) is chinese
    assert "loss, nats per token" in said and "learning rate" in said and "tokens trained on" in said


@given(st.lists(st.sampled_from([*NAMES, "instruct", "other"])))
def test_models_come_in_the_order_they_are_made(names: list[str]) -> None:
    found = in_order(names)
    assert sorted(found) == sorted(set(names))
    own = [name for name in found if name in NAMES]
    assert own == [name for name in NAMES if name in names] and found[: len(own)] == own
    assert in_order(found) == found


def test_models_differ_by_shape_as_well_as_by_color() -> None:
    assert len({model.marker for model in RUN_MODELS}) == len({model.shape for model in RUN_MODELS}) == len(RUN_MODELS)
    assert set(COLOR_OF_MODEL) == set(MARKER_OF_MODEL) == set(BY_NAME)
    assert label_of("nobody's") == "nobody's" and label_of("resized") == "resized, untrained"


@given(NAME, st.floats(30, 200), st.sampled_from([11.0, 12.0, 14.0]))
def test_a_label_fits_its_width_and_is_cut_no_more_than_it_must(text: str, limit: float, size: float) -> None:
    cut = fitted(text, limit, size)
    assert width_px(cut, size) <= limit
    plain = fitted(text, 1e9, size)
    assert "\x00" not in plain and "\u202e" not in plain
    if cut != plain:
        longer = plain[: len(cut)] + "…"
        assert cut.endswith("…") and plain.startswith(cut[:-1]) and width_px(longer, size) > limit
