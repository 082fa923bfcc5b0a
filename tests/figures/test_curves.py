"""Curves of arms: each is named, the reference is thicker, what a name holds cannot leave its text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hanhua.figures.curves import Curve, plot_curves


def test_every_curve_is_drawn_and_named() -> None:
    xs = [0.0, 1.0, 2.0]
    curves = [Curve("unextended", xs, [3.0, 2.5, 2.2], True), Curve("a < b & 中文", xs, [3.2, 2.6, 2.1])]
    svg = plot_curves(curves, name="zh", title="bits per byte", unit="MB")
    root = ET.fromstring(svg)
    words = ["".join(one.itertext()) for one in root.iter("text")]
    assert {"unextended", "a < b & 中文", "MB", "bits per byte"} <= set(words)
    assert "unextended" in root.get("aria-label", "")
    assert svg.count("stroke-width: 3") == 2 and "var(--base)" in svg and "var(--adapted)" in svg
    assert svg == plot_curves(curves, name="zh", title="bits per byte", unit="MB")
