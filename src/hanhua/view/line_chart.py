"""A line chart as SVG without Matplotlib: drawn anew every second or two, styled by the page's own colors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from hanhua.figures.shown_texts import printable

WIDTH, HEIGHT = 420, 230
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 10, 24
TICKS = 4
STYLES = 6
"""Lines that differ by color and dashes (`.line-0` … in view.css); more than these begin again."""

Points = Sequence[tuple[float, float]]


def line_chart(series: Mapping[str, Points], *, label: str, faint: Points = (), digits: int = 3) -> str:
    """Return an `<svg>`; "" when no series has two points. label: said by screen readers, with each last value.

    faint: one more line, behind the others and pale.
    """
    shown = {name: points for name, points in series.items() if len(points) > 1}
    if not shown:
        return ""
    every = [point for points in (*shown.values(), faint) for point in points]
    xs, ys = [x for x, _ in every], [y for _, y in every]
    across, up = _Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT), _Scale(min(ys), max(ys), HEIGHT - BOTTOM, TOP)
    parts = [_horizontal(up.at(value), value) for value in ticks(min(ys), max(ys))]
    parts += [_below(across.at(value), value) for value in ticks(min(xs), max(xs))]
    lines = [("faint", faint)] if len(faint) > 1 else []
    lines += [(f"line-{number % STYLES}", points) for number, points in enumerate(shown.values())]
    for style, points in lines:
        path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in points)
        parts.append(f'<polyline class="line {style}" points="{path}"/>')
    ends = "; ".join(f"{name} {points[-1][1]:.{digits}f}" for name, points in shown.items())
    said = escape(printable(f"{label}: {ends}"))
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">{"".join(parts)}</svg>'


def ticks(low: float, high: float) -> list[float]:
    """Return round values within a range, about TICKS of them.

    >>> ticks(0, 900)
    [0.0, 200.0, 400.0, 600.0, 800.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


class _Scale:
    """Maps values to pixels; one value alone lies in the middle."""

    def __init__(self, low: float, high: float, first: float, last: float) -> None:
        self._low, self._span, self._first, self._length = low, high - low, first, last - first

    def at(self, value: float) -> float:
        share = (value - self._low) / self._span if self._span else 0.5
        return self._first + share * self._length


def _horizontal(y: float, value: float) -> str:
    line = f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return f'{line}<text class="tick end" x="{LEFT - 6}" y="{y + 3.5:.1f}">{_short(value)}</text>'


def _below(x: float, value: float) -> str:
    return f'<text class="tick mid" x="{x:.1f}" y="{HEIGHT - 7}">{_short(value)}</text>'


def _short(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e4 else f"{value:.6g}"
