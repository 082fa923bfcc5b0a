"""The arms of `smollm2_arms` as a table, and the curves of set e.

Shape suffix: D documents.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hanhua.eval.comparison.intervals import bootstrap_ratio

Line = dict[str, Any]
LN2 = math.log(2)


def read_lines(files: Sequence[Path]) -> list[Line]:
    """Return the lines of result files, those of failed arms too."""
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def print_arms(lines: Sequence[Line]) -> None:
    """Print each set's arms by new tokens, the best first, compared with the base (q) or the unextended arm (e)."""
    for line in lines:
        if "error" in line:
            print(f"FAILED {line['arm']['set']}-{line['arm']['new']} {line['arm']['name']}: {line['error']}")
    done = [line for line in lines if "error" not in line]
    for name in ("q", "e"):
        own = [line for line in done if line["arm"]["set"] == name]
        if own:
            _print_set(name, own)


def _print_set(name: str, lines: Sequence[Line]) -> None:
    base = _base(lines)
    sets = sorted(lines[0]["after"], key=lambda key: (not key.startswith("zh"), key))
    print(f"\n## Set {name}: bits per character, and change against {_against(name)} with its 95% interval\n")
    header = ["new", "arm", "tokens", "s", *sets]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    if base is not None:
        print(f"| 0 | base | 0 | | {' | '.join(f'{_bits(base[key]):.3f}' for key in sets)} |")
    for line in sorted(lines, key=lambda line: (line["arm"]["new"], _bytes_of(line), _bits(line["after"][sets[0]]))):
        reference = base if name == "q" else _unextended(lines, line)
        cells = [_cell(line["after"][key], None if reference is None else reference[key]) for key in sets]
        arm = line["arm"]
        print(f"| {arm['new']} | {arm['name']} | {line['tokens']:,} | {line['seconds']:.0f} | {' | '.join(cells)} |")
    for new in sorted({line["arm"]["new"] for line in lines} - {0}):
        before = next(line["before"] for line in lines if line["arm"]["new"] == new)
        print(f"\nresized by {new}, before training: {', '.join(f'{key} {_bits(before[key]):.3f}' for key in sets)}")


def _against(name: str) -> str:
    return "the base before training" if name == "q" else "the unextended arm of seed 0 on the same bytes"


def _bytes_of(line: Line) -> int:
    return int(line["arm"]["train_bytes"] or 0)


def _base(lines: Sequence[Line]) -> dict[str, Any] | None:
    return next((line["before"] for line in lines if line["arm"]["new"] == 0), None)


def _unextended(lines: Sequence[Line], line: Line) -> dict[str, Any] | None:
    """Return the best unextended arm of seed 0 on the same bytes."""
    same = [
        other
        for other in lines
        if other["arm"]["new"] == 0
        and other["arm"]["config"].get("seed", 0) == 0
        and _bytes_of(other) == _bytes_of(line)
    ]
    zh = [key for key in line["after"] if key.startswith("zh")]
    best = min(same, key=lambda other: sum(_bits(other["after"][key]) for key in zh), default=None)
    return None if best is None else best["after"]


def _bits(scored: dict[str, Any]) -> float:
    return float(sum(scored["nats"]) / LN2 / sum(scored["characters"]))


def _cell(scored: dict[str, Any], reference: dict[str, Any] | None) -> str:
    if reference is None or reference is scored:
        return f"{_bits(scored):.3f}"
    change, (low, high) = change_ratio(scored, reference)
    return f"{_bits(scored):.3f} ({change:+.1%}; {low:+.1%} … {high:+.1%})"


def change_ratio(scored: dict[str, Any], reference: dict[str, Any]) -> tuple[float, tuple[float, float]]:
    """Return the relative change of the bits and its interval, documents drawn in pairs."""
    difference_D = np.array(scored["nats"]) - np.array(reference["nats"])
    interval = bootstrap_ratio(difference_D.tolist(), reference["nats"], seed=0)
    nan = (math.nan, math.nan)
    return float(difference_D.sum() / np.sum(reference["nats"])), nan if interval is None else interval


def draw(lines: Sequence[Line], figure: Path) -> None:
    """Draw the curves of the comparison on the largest number of bytes: one panel a measured set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    done = [line for line in lines if "error" not in line and line["arm"]["set"] == "e"]
    if not done:
        return
    most = max(map(_bytes_of, done))
    done = [line for line in done if _bytes_of(line) == most]
    sets = sorted(done[0]["after"], key=lambda key: (not key.startswith("zh"), key))
    columns = 4
    rows = -(-len(sets) // columns)
    made, axes = plt.subplots(rows, columns, figsize=(5 * columns, 4 * rows), squeeze=False)
    for axis, key in zip(axes.flat, sets, strict=False):
        for line in done:
            points = [(p["bytes"] / 1e6, p["bits_per_character"][key]) for p in line["curve"]]
            style = "-" if line["arm"]["new"] == 0 else "--"
            label = f"{line['arm']['new']}: {line['arm']['name']}"
            axis.plot(*zip(*points, strict=True), style, label=label, linewidth=1.2)
        axis.set_title(key)
        axis.set_xlabel("MB of text seen")
        axis.set_ylabel("bits per character")
        axis.set_yscale("log")
    axes.flat[0].legend(fontsize=6)
    made.tight_layout()
    made.savefig(figure)
    print(f"{figure}: {len(done)} arms")
