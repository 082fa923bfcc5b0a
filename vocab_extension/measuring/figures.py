"""Drawings of `measure` and `sweep` for a page or a slide, as SVG or PNG; the same bytes for the same figures."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hanhua.errors import MissingExtra, UsageError
from hanhua.vocab_extension.measuring.bootstrap import Interval
from hanhua.vocab_extension.measuring.measure import Measure
from hanhua.vocab_extension.measuring.sweep import Sweep

SUFFIXES = (".svg", ".png")

# The colors of Okabe and Ito, which people who see few colors can tell apart.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "osD^vP"
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hanhua",
    "text.parse_math": False,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#dddddd",
}


def check_plot(place: Path) -> None:
    """Raise before anything is measured when the drawing could not be made."""
    if place.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{place}: a plot is a file that ends with {' or '.join(SUFFIXES)}")
    if not place.absolute().parent.is_dir():
        raise UsageError(f"{place}: no such folder")
    if find_spec("matplotlib") is None:
        raise MissingExtra("--plot", "report")


def draw_measures(rows: Sequence[Measure], place: Path) -> None:
    """Draw characters per token with intervals, one line a tokenizer under each set of texts."""
    import matplotlib.style
    from matplotlib.figure import Figure

    groups = list(dict.fromkeys((row.by, row.texts) for row in rows))
    names = list(dict.fromkeys(row.tokenizer for row in rows))
    with matplotlib.style.context(["default", _SETTINGS]):
        height = 1.2 + 0.2 * len(groups) * (len(names) + 1)
        figure = Figure(figsize=(8, height), layout="constrained")
        axes = figure.add_subplot()
        for n, name in enumerate(names):
            mine = [row for row in rows if row.tokenizer == name]
            ys = [groups.index((row.by, row.texts)) + 0.8 * (n + 0.5) / len(names) - 0.4 for row in mine]
            values = [row.characters_per_token for row in mine]
            axes.errorbar(
                values,
                ys,
                xerr=_errors(values, [row.characters_per_token_interval for row in mine]),
                fmt=_MARKERS[n % len(_MARKERS)],
                color=_COLORS[n % len(_COLORS)],
                label=_short(name),
                capsize=2,
            )
        axes.set_yticks(range(len(groups)), [_short(texts) for _, texts in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("characters per token (more is better), 95% interval over documents")
        figure.legend(loc="outside upper left", ncols=3, frameon=False)
        _save(figure, place)


def draw_sweep(sweep: Sweep, place: Path, *, advised: int) -> None:
    """Draw over size: the gain with its interval, what it saves and costs, and how many tokens are seen enough."""
    import matplotlib.style
    from matplotlib.figure import Figure

    rows = sweep.rows
    sizes = [row.new_tokens for row in rows]
    with matplotlib.style.context(["default", _SETTINGS]):
        figure = Figure(figsize=(8, 8), layout="constrained")
        gain, cost, seen = figure.subplots(3, sharex=True)
        gains = [row.gain for row in rows]
        gain.errorbar(sizes, gains, yerr=_errors(gains, [r.gain_interval for r in rows]), fmt="o-", capsize=2)
        gain.set_ylabel("gain over the base, ×")
        saved = [100 * row.costs.flops_saved_share for row in rows]
        cost.plot(sizes, saved, "o-", color=_COLORS[0], label="compute saved per character")
        added = [100 * row.costs.parameters_added_share for row in rows]
        cost.plot(sizes, added, "s-", color=_COLORS[1], label="parameters added")
        cost.plot(sizes, [100 * r.boundaries_inside for r in rows], "^-", color=_COLORS[2], label="word ends inside")
        cost.set_ylabel(f"%, {sweep.shape.name}")
        cost.legend(frameon=False)
        enough = [100 * row.times_seen.share_enough for row in rows if row.times_seen]
        seen.plot(sizes[1:], enough, "o-", color=_COLORS[3])
        seen.set_ylim(0, 105)
        seen.set_ylabel(f"% seen often enough in {sweep.budget}")
        seen.set_xlabel("new tokens")
        seen.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        for axes in (gain, cost, seen):
            axes.axvline(advised, color="#555555", linewidth=1, linestyle=(0, (4, 3)))
        gain.set_title(f"advised: {advised:,} new tokens" if advised else "advised: no extension", loc="left")
        _save(figure, place)


def _save(figure: Any, place: Path) -> None:
    metadata = {"Date": None} if place.suffix.lower() == ".svg" else {"Software": None}
    with warnings.catch_warnings():
        # The font that measures has no Han; in an SVG the reader's shows the text.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        figure.savefig(place, metadata=metadata, dpi=144)


def _errors(values: Sequence[float], intervals: Sequence[Interval | None]) -> list[list[float]]:
    found = [interval or (value, value) for value, interval in zip(values, intervals, strict=True)]
    low = [max(value - interval[0], 0.0) for value, interval in zip(values, found, strict=True)]
    high = [max(interval[1] - value, 0.0) for value, interval in zip(values, found, strict=True)]
    return [low, high]


def _short(name: str) -> str:
    return Path(name).name or name
