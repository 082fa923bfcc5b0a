"""Curves of several arms in one plot, each named at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hanhua.figures.svg import (
    ADAPTED,
    BAD,
    BASE,
    GRID,
    MUTED,
    RESIZED,
    SMALL_PX,
    add_axes,
    drawn,
    fitted,
    new_figure,
    to_svg,
)

WIDTH, HEIGHT, NAMES = 720, 320, 190
COLORS = (ADAPTED, RESIZED, BAD)
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 2)))


class Curve(NamedTuple):
    """One arm: places and values. reference: what the others are compared with, drawn thicker."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    reference: bool = False


@drawn
def plot_curves(curves: Sequence[Curve], *, name: str, title: str, unit: str) -> str:
    """Draw the curves on a logarithmic scale; color and dashes tell them apart, and a list of names beside them."""
    figure = new_figure(WIDTH, HEIGHT)
    axes = add_axes(figure, left=48, right=NAMES, top=28, bottom=42)
    others = [curve.name for curve in curves if not curve.reference]
    for curve in curves:
        number = -1 if curve.reference else others.index(curve.name)
        color = BASE if curve.reference else COLORS[number % 3]
        dash, width = DASHES[max(number, 0) // 3 % 3], 3.0 if curve.reference else 1.6
        label = fitted(curve.name, NAMES - 44, SMALL_PX)
        axes.plot(curve.xs, curve.ys, color=color, linestyle=dash, linewidth=width, label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.2f}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:.2f}")
    axes.tick_params(which="minor", length=0, labelsize=SMALL_PX)
    axes.grid(axis="y", which="both", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_title(title, loc="left", fontsize=SMALL_PX, color=MUTED, pad=6)
    axes.set_xlabel(unit)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.02), frameon=False, fontsize=SMALL_PX, handlelength=2.2)
    return to_svg(figure, name=name, label=f"{title}, {unit}: {', '.join(curve.name for curve in curves)}")
