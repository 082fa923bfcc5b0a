"""The curves and the table of `learning_curves.py`, from the results in its --work folder."""

from __future__ import annotations

import itertools
import statistics
from pathlib import Path
from typing import Any

from measurement import markdown_head, markdown_row

from hanhua.artifacts.files import read_json

COLORS = {"plain": "#c44", "extended": "#26a", "plain+replay": "#e9a", "extended+replay": "#8bd"}
Rows = list[dict[str, float]]


def write_results(work: Path, out: Path, *, replay: float) -> dict[str, list[dict[str, Any]]]:
    """Write `learning_curves.svg` and `learning_curves.md` to `out`; return the runs of each arm."""
    arms: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((work / "results").glob("*.json")):
        result = read_json(path)
        for point in result["curve"]:
            point["zh_kilobytes"] = point["zh_bytes"] / 1000
        arms.setdefault(result["arm"], []).append(result)
    arms = {name: arms[name] for name in COLORS if name in arms}
    out.mkdir(parents=True, exist_ok=True)
    means = {name: mean_curve([run["curve"] for run in runs]) for name, runs in arms.items()}
    draw(arms, means, out / "learning_curves.svg")
    text = "\n".join([*table(arms, means, replay=replay), "", *crossings(means)])
    (out / "learning_curves.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return arms


def mean_curve(curves: list[Rows]) -> Rows:
    """Return the mean over seeds, point by point."""
    return [{key: statistics.fmean(row[key] for row in rows) for key in rows[0]} for rows in zip(*curves, strict=True)]


def draw(arms: dict[str, list[dict[str, Any]]], means: dict[str, Rows], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "learning curves"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), sharey="row")
    for row, (key, title) in enumerate((("zh", "Chinese"), ("en", "English"))):
        for column, (x, label) in enumerate((("zh_kilobytes", "kB of Chinese seen"), ("seconds", "processor seconds"))):
            axis = axes[row][column]
            for name, runs in arms.items():
                for run in runs:
                    points = run["curve"]
                    axis.plot([p[x] for p in points], [p[key] for p in points], color=COLORS[name], lw=0.5, alpha=0.6)
                points = means[name]
                axis.plot([p[x] for p in points], [p[key] for p in points], color=COLORS[name], label=name, marker=".")
            axis.set_xlabel(label)
            axis.set_title(f"{title}, held out")
            axis.grid(alpha=0.3)
        axes[row][0].set_ylabel("bits per byte")
    axes[0][0].legend(title="means; thin: each seed")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def table(arms: dict[str, list[dict[str, Any]]], means: dict[str, Rows], *, replay: float) -> list[str]:
    ends = ("zh before", "zh after", "en before", "en after", "en change")
    lines = [markdown_head("arm", "seeds", "tokens", "processor seconds", *ends)]
    for name, points in means.items():
        runs, first, last = arms[name], points[0], points[-1]
        spread = max(r["curve"][-1]["zh"] for r in runs) - min(r["curve"][-1]["zh"] for r in runs)
        shown = name.replace("+replay", f" + {replay:.0%} replay")
        counts = (f"{len(runs)}", f"{runs[0]['tokens']:,}", f"{last['seconds']:,.0f}")
        chinese = (f"{first['zh']:.3f}", f"{last['zh']:.3f} (spread {spread:.3f})")
        english = (f"{first['en']:.3f}", f"{last['en']:.3f}", f"{last['en'] / first['en'] - 1:+.1%}")
        lines.append(markdown_row(shown, *counts, *chinese, *english))
    return lines


def crossings(means: dict[str, Rows]) -> list[str]:
    """Say where the extended model's Chinese curve crosses the plain one's, against bytes and against seconds."""
    lines = []
    for suffix in ("", "+replay"):
        plain, extended = means.get(f"plain{suffix}"), means.get(f"extended{suffix}")
        if plain and extended:
            for x, unit in (("zh_bytes", "bytes of Chinese"), ("seconds", "processor seconds")):
                lines.append(f"- {'with' if suffix else 'without'} replay, by {unit}: {where(plain, extended, x)}")
    return lines


def where(plain: Rows, extended: Rows, x: str) -> str:
    end = min(plain[-1][x], extended[-1][x])
    places = sorted(p[x] for p in (*plain, *extended) if p[x] <= end)
    signs = [(at, value_at(extended, x, at) - value_at(plain, x, at)) for at in places]
    found = [b[0] for a, b in itertools.pairwise(signs) if (a[1] < 0) != (b[1] < 0)]
    ahead = "extended" if signs[-1][1] < 0 else "plain"
    final = f"at {end:,.0f} {ahead} is ahead by {abs(signs[-1][1]):.3f} bits per byte"
    return f"cross near {', '.join(f'{at:,.0f}' for at in found)}; {final}" if found else f"never cross; {final}"


def value_at(points: Rows, x: str, at: float) -> float:
    """Return the Chinese bits per byte at a place between two measurements, by a straight line."""
    for before, after in itertools.pairwise(points):
        if before[x] <= at <= after[x]:
            share = (at - before[x]) / max(after[x] - before[x], 1e-12)
            return before["zh"] + share * (after["zh"] - before["zh"])
    return points[-1]["zh"]
