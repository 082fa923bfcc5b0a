"""The report's plots, from its figures to SVG: each is small enough for a telephone, and says its numbers as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hanhua.figures.run_models import label_of
from hanhua.figures.svg import (
    ADAPTED,
    BAD,
    BASE,
    COLOR_OF_MODEL,
    GRID,
    INK,
    MARKER_OF_MODEL,
    MUTED,
    RESIZED,
    SMALL_PX,
    TEXT_PX,
    add_axes,
    drawn,
    fitted,
    new_figure,
    to_svg,
    width_px,
)

WIDTH = 400
MAX_LABEL = 136
MAX_REASONS = 10


class Line(NamedTuple):
    """One row of an interval plot: a model's value on one thing, with its 95% interval where there is one."""

    group: str
    model: str
    value: float
    interval: Sequence[float] | None


@drawn
def plot_funnel(read: int, kept: int, reasons: Mapping[str, int]) -> str:
    """Draw documents read, what each reason took away, largest first, and what was kept, as a waterfall."""
    steps = [("read", 0, read, BASE), *_falling(read, few_reasons(reasons)), ("kept", 0, kept, ADAPTED)]
    axes, figure = _rows([name for name, *_ in steps], right=82)
    for row, (_, start, size, color) in enumerate(steps):
        axes.barh(row, size, left=start, height=0.62, color=color)
        share = f" ({size / read:.1%})" if row and read else ""
        end = start + size
        # A reason's number stands left of its bar, where the fall leaves room; so it never leaves the figure.
        inside = color == BAD
        axes.annotate(
            f"−{size:,}{share}" if inside else f"{size:,}{share}",
            (start if inside else end, row),
            xytext=(-5 if inside else 5, 0),
            textcoords="offset points",
            ha="right" if inside else "left",
            va="center",
            fontsize=SMALL_PX,
        )
    axes.set_xlim(0, max(read, 1))
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    return to_svg(figure, name="funnel", label=f"{read} documents read, {kept} kept")


@drawn
def plot_compression(rows: Sequence[tuple[str, float, float]]) -> str:
    """Draw (domain, characters per token of the base, of the extended tokenizer) as dumbbells."""
    axes, figure = _rows([name for name, *_ in rows], right=50, bottom=38)
    for row, (_, base, extended) in enumerate(rows):
        axes.plot([base, extended], [row, row], color=GRID, linewidth=3, solid_capstyle="round", zorder=1)
        axes.plot(base, row, MARKER_OF_MODEL["base"], color=BASE, markersize=7)
        axes.plot(extended, row, MARKER_OF_MODEL["extended"], color=ADAPTED, markersize=7)
        axes.annotate(
            f"×{extended / base:.2f}",
            (max(base, extended), row),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL_PX,
        )
    lowest, highest = min(min(b, e) for _, b, e in rows), max(max(b, e) for _, b, e in rows)
    margin = 0.06 * (highest - lowest) or 0.1
    axes.set_xlim(lowest - margin, highest + margin)
    _value_axis(axes, "characters per token (more is better)")
    return to_svg(figure, name="compression", label="characters per token by domain, base and extended tokenizer")


@drawn
def plot_training(points: Sequence[Mapping[str, Any]]) -> str:
    """Draw loss, bits per Chinese character and learning rate over the tokens trained on, one below the other."""
    tokens = [point["tokens"] for point in points]
    panels = [("loss", "loss, nats per token", ADAPTED), ("learning_rate", "learning rate", MUTED)]
    if any(point["bits_per_character"] is not None for point in points):
        panels.insert(1, ("bits_per_character", "bits per character (training text)", RESIZED))
    top, gap, heights = 22, 40, [120 if key != "learning_rate" else 56 for key, *_ in panels]
    total = top + sum(heights) + gap * (len(panels) - 1) + 36
    figure = new_figure(WIDTH, total)
    for number, ((key, title, color), height) in enumerate(zip(panels, heights, strict=True)):
        above = top + sum(heights[:number]) + gap * number
        axes = add_axes(figure, left=48, right=12, top=above, bottom=total - above - height)
        known = [(x, point) for x, point in zip(tokens, points, strict=True) if point[key] is not None]
        xs = [x for x, _ in known]
        if f"{key}_low" in points[0]:
            low, high = ([point[f"{key}_{end}"] for _, point in known] for end in ("low", "high"))
            axes.fill_between(xs, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(xs, [point[key] for _, point in known], color=color, linewidth=1.8)
        axes.set_xlim(0, max(tokens))
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.locator_params(axis="y", nbins=4)
        axes.set_title(title, loc="left", fontsize=SMALL_PX, color=MUTED, pad=6)
        _thousands(axes.xaxis, labeled=number == len(panels) - 1)
        if key == "learning_rate":
            axes.set_ylim(0, None)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}" if value else "0")
    axes.set_xlabel("tokens trained on")
    return to_svg(figure, name="training", label="loss, bits per character and learning rate over tokens trained on")


@drawn
def plot_bits(lines: Sequence[Line]) -> str:
    """Draw bits per character by corpus and model as bars from zero, with their intervals."""
    axes, figure, ys = _grouped(lines, right=56)
    for y, line in zip(ys, lines, strict=True):
        axes.barh(y, line.value, height=0.7, color=COLOR_OF_MODEL.get(line.model, MUTED))
        _whisker(axes, y, line)
        _number(axes, f"{line.value:.3f}", max([line.value, *(line.interval or ())]), y)
    axes.set_xlim(0, max(max([line.value, *(line.interval or ())]) for line in lines))
    _value_axis(axes, "bits per character, held-out text (fewer is better)")
    return to_svg(figure, name="bits", label="bits per character by corpus and model")


@drawn
def plot_shares(lines: Sequence[Line], *, name: str, title: str, chance: float | None = None) -> str:
    """Draw shares (accuracy, harmful rate) by group and model as points with their intervals.

    chance: marked by a line, when given.
    """
    axes, figure, ys = _grouped(lines, right=60)
    for y, line in zip(ys, lines, strict=True):
        _whisker(axes, y, line)
        axes.plot(
            line.value,
            y,
            MARKER_OF_MODEL.get(line.model, "o"),
            color=COLOR_OF_MODEL.get(line.model, MUTED),
            markersize=7,
        )
        _number(axes, f"{line.value:.1%}", max([line.value, *(line.interval or ())]), y)
    highest = max(max([line.value, *(line.interval or ())]) for line in lines)
    axes.set_xlim(-0.01, min(1.01, max(highest, chance or 0) * 1.05 + 0.01))
    if chance is not None:
        axes.axvline(chance, color=INK, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    _value_axis(axes, title)
    return to_svg(figure, name=name, label=title)


def few_reasons(reasons: Mapping[str, int]) -> dict[str, int]:
    """Return at most eleven reasons, most first: too many are taken together by family, then as the rest.

    >>> few_reasons({"harm.fraud": 2, "boilerplate": 5})
    {'boilerplate': 5, 'harm.fraud': 2}
    """
    counts = Counter(reasons)
    if len(counts) > MAX_REASONS:
        counts = Counter()
        for reason, count in reasons.items():
            counts[reason.partition(".")[0]] += count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = ordered[MAX_REASONS:]
    other = {f"{len(rest)} other reasons": sum(count for _, count in rest)} if rest else {}
    return {**dict(ordered[:MAX_REASONS]), **other}


def _falling(read: int, reasons: Mapping[str, int]) -> list[tuple[str, int, int, str]]:
    steps, left = [], read
    for reason, count in reasons.items():
        left -= count
        steps.append((reason, left, count, BAD))
    return steps


def _rows(labels: Sequence[str], *, right: float, bottom: float = 8, row_px: float = 25) -> tuple[Any, Any]:
    """Return axes with one labeled row per name, from the top down."""
    left = min(MAX_LABEL, max(width_px(label) for label in labels)) + 12
    height = row_px * len(labels) + bottom + 6
    figure = new_figure(WIDTH, height)
    axes = add_axes(figure, left=left, right=right, top=6, bottom=bottom)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), [fitted(label, MAX_LABEL) for label in labels], color=INK, fontsize=TEXT_PX)
    axes.spines["left"].set_visible(False)
    return axes, figure


def _grouped(lines: Sequence[Line], *, right: float, row_px: float = 23) -> tuple[Any, Any, list[float]]:
    """Return axes for lines in groups (a heading per group, the model's name at each line), and the lines' heights."""
    ys: list[float] = []
    headings: list[tuple[float, str]] = []
    y, group = 0.0, None
    for line in lines:
        if line.group != group:
            y += 0.35 if headings else 0
            headings.append((y, line.group))
            group, y = line.group, y + 1
        ys.append(y)
        y += 1
    bottom = 38
    figure = new_figure(WIDTH, row_px * y + bottom + 4)
    left = min(MAX_LABEL, max(width_px(label_of(line.model)) for line in lines)) + 12
    axes = add_axes(figure, left=left, right=right, top=4, bottom=bottom)
    axes.set_ylim(y - 0.5, -0.5)
    names = [fitted(label_of(line.model), MAX_LABEL) for line in lines]
    axes.set_yticks(ys, names, color=MUTED, fontsize=11.5)
    for at, text in headings:
        axes.annotate(
            fitted(text, WIDTH - 20, 12.5),
            (0, at),
            xycoords=("axes fraction", "data"),
            xytext=(-left + 2, 0),
            textcoords="offset points",
            va="center",
            fontsize=12.5,
            fontweight="bold",
        )
    axes.spines["left"].set_visible(False)
    return axes, figure, ys


def _whisker(axes: Any, y: float, line: Line) -> None:
    if line.interval is not None:
        low, high = line.interval
        axes.plot([low, high], [y, y], color=INK, linewidth=1.4, solid_capstyle="butt", zorder=2)
        for end in (low, high):
            axes.plot([end, end], [y - 0.16, y + 0.16], color=INK, linewidth=1.4, zorder=2)


def _number(axes: Any, text: str, x: float, y: float) -> None:
    axes.annotate(text, (x, y), xytext=(9, 0), textcoords="offset points", va="center", fontsize=SMALL_PX)


def _value_axis(axes: Any, title: str) -> None:
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(title)


def _thousands(axis: Any, *, labeled: bool) -> None:
    axis.axes.locator_params(axis="x", nbins=5)
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if labeled else "")
