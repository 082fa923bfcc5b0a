"""From the report's figures and plots to one HTML page. All is escaped: corpora and models are not to be trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from hanhua.figures.headline import shown_figure
from hanhua.figures.run_models import BY_NAME

TEMPLATES = Path(__file__).parent / "templates"
NOTHING = "–"

MODEL_NAMES = {name: model.label for name, model in BY_NAME.items()}
SHAPES = {name: model.shape for name, model in BY_NAME.items()}


def render_report(figures: Mapping[str, Any], plots: Mapping[str, str], *, domains: Any) -> str:
    """Return the page.

    plots: SVG by name, made by us and trusted; all else is escaped. domains: what the compression plot shows.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=count,
        minus=minus,
        number=number,
        percent=percent,
        figure=shown_figure,
        signed=signed,
        interval=interval,
        as_json=as_json,
        as_yaml=as_yaml,
    )
    # As globals, so that macros see them too.
    environment.globals.update(f=figures, plots={name: Markup(svg) for name, svg in plots.items()}, domains=domains)
    environment.globals.update(model_names=MODEL_NAMES, shapes=SHAPES, stages_of=figures["made_by"])
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    page = environment.get_template("report.html.jinja").render(style=Markup(style))
    lines = (line.rstrip() for line in page.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def count(value: int | None) -> str:
    """Return a whole number with its thousands apart; a dash for None."""
    return NOTHING if value is None else f"{value:,}"


def minus(value: int) -> str:
    """Return how many were taken away; a dash for none."""
    return f"−{value:,}" if value else NOTHING


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with fixed digits, so that columns line up."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """Return a share as a percentage."""
    return NOTHING if value is None else f"{value:.1%}"


def signed(value: float | None, unit: str = "") -> str:
    """Return a change with its sign, a true minus; `points` of a share."""
    if value is None:
        return NOTHING
    shown = f"{100 * value:+.1f} points" if unit == "points" else f"{value:+.3f}"
    return shown.replace("-", "−")


def interval(value: Sequence[float] | None, unit: str = "") -> str:
    """Return the ends of an interval; "" when there is none."""
    if value is None:
        return ""
    if unit == "share":
        return f"{100 * value[0]:.1f}–{100 * value[1]:.1f}%"
    if unit == "points":
        return " to ".join(f"{100 * end:+.1f}" for end in value).replace("-", "−")
    if unit == "change":
        return " to ".join(f"{end:+.3f}" for end in value).replace("-", "−")
    return f"{value[0]:.3f}–{value[1]:.3f}"


def as_json(value: Any) -> str:
    """Return data as people read JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)


def as_yaml(value: Any) -> str:
    """Return data as a recipe spells it."""
    return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=100))
