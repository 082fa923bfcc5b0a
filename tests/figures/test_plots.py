"""Drawings: no document lost between the bars, nothing that breaks at the edges, labels within their width."""

from __future__ import annotations

from hanhua.figures.plots import Line, few_reasons, plot_funnel, plot_shares
from hanhua.figures.svg import fitted, width_px


def test_a_funnel_of_many_reasons_loses_no_document() -> None:
    reasons = {f"{'harm' if i % 2 else f'r{i}'}.kind{i}": i for i in range(1, 41)}
    few = few_reasons(reasons)
    assert len(few) == 11 and sum(few.values()) == sum(reasons.values())
    assert (
        few["harm"] == sum(range(1, 41, 2))
        and next(iter(few)) == "harm"
        and few["11 other reasons"] == sum(range(2, 23, 2))
    )
    svg = plot_funnel(1000, 1000 - sum(reasons.values()), reasons)
    assert "−400 (40.0%)" in svg and "11 other reasons" in svg
    assert few_reasons({"harm.fraud": 1, "harm.hate": 2}) == {"harm.hate": 2, "harm.fraud": 1}, "few are drawn apart"


def test_plots_hold_at_the_edges() -> None:
    """Nothing read, rates of zero, no interval, names longer than the plot, characters XML has no place for."""
    assert "100.0%" not in plot_funnel(0, 0, {})
    lines = [Line("很长的名字\x00\ufffe" * 40, "base", 0.0, None), Line("g", "another <model> & more" * 9, 0.0, (0, 0))]
    svg = plot_shares(lines, name="n", title="t")
    assert "0.0%" in svg and "…" in svg and "\x00" not in svg


def test_labels_are_cut_to_their_width() -> None:
    for text in ("散文", "a long name of a source.example.com", "历史与人物" * 30, "𠀀" * 50, ""):
        cut = fitted(text, 120)
        assert width_px(cut) <= 120 and (cut == text or cut.endswith("…"))
