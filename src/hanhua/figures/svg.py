"""Matplotlib figures as SVG for the inside of a page: the page's fonts, its colors in light and dark, stable bytes.

Colors: a figure is drawn in stand-in colors, which become CSS variables, so that one drawing serves both themes.
Fonts: text stays text, set in the page's own fonts; sizes are in CSS pixels, since a figure has 72 dots an inch.
"""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from hanhua.figures.run_models import BY_NAME
from hanhua.figures.shown_texts import printable

_P = ParamSpec("_P")

DOTS_PER_INCH = 72
TEXT_PX = 12.0
SMALL_PX = 11.0

INK, MUTED, GRID = "#010101", "#010102", "#010103"
BASE, RESIZED, ADAPTED, BAD = "#010104", "#010105", "#010106", "#010107"
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "rule",
    BASE: "base",
    RESIZED: "resized",
    ADAPTED: "adapted",
    BAD: "bad",
}
COLOR_OF_MODEL = {
    name: next(color for color, variable in VARIABLES.items() if variable == model.color)
    for name, model in BY_NAME.items()
}
MARKER_OF_MODEL = {name: model.marker for name, model in BY_NAME.items()}

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hanhua",
    "text.parse_math": False,
    "font.size": TEXT_PX,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": SMALL_PX,
    "ytick.labelsize": SMALL_PX,
    "axes.labelsize": SMALL_PX,
    "axes.unicode_minus": True,
}
_NAMESPACE = re.compile(r"\{[^}]*\}")
_FAMILY = re.compile(r"font-family:[^;]*;?\s*")
_SHORTHAND = re.compile(r"font:[^;]*?([\d.]+px)[^;]*")


def new_figure(width_px: float, height_px: float) -> Any:
    """Return an empty figure without a background."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_px / DOTS_PER_INCH, height_px / DOTS_PER_INCH), dpi=DOTS_PER_INCH)
    figure.patch.set_visible(False)
    return figure


def add_axes(figure: Any, *, left: float, right: float, top: float, bottom: float) -> Any:
    """Return axes whose margins to the figure's edges are given in pixels: nothing depends on measured text."""
    width, height = (inches * DOTS_PER_INCH for inches in figure.get_size_inches())
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
    return axes


def drawn(draw: Callable[_P, str]) -> Callable[_P, str]:
    """Return a plotting function that draws under this module's settings, whatever the user's own are."""

    @wraps(draw)
    def with_settings(*args: _P.args, **kwargs: _P.kwargs) -> str:
        import matplotlib.style

        with matplotlib.style.context(["default", _SETTINGS]), warnings.catch_warnings():
            # The font that measures has no Han; the one that shows the text is the reader's.
            warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
            return draw(*args, **kwargs)

    return with_settings


def to_svg(figure: Any, *, name: str, label: str) -> str:
    """Return a figure as one `<svg>` element to put into HTML.

    name: makes its ids differ from those of the page's other drawings. label: said by screen readers.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(file, metadata=nothing)
    root = ET.fromstring(file.getvalue())
    for parent in list(root.iter()):
        for child in [c for c in parent if _bare(c.tag) in ("metadata", "style")]:
            parent.remove(child)  # its one rule, for `*`, would rule the whole page
    for element in root.iter():
        element.tag = _bare(element.tag)
        element.attrib = {_bare(key): _in_page(_bare(key), value, name) for key, value in element.attrib.items()}
        if element.tag != "text":
            element.text = None
        element.tail = None
    width, height = (f"{inches * DOTS_PER_INCH:g}" for inches in figure.get_size_inches())
    root.attrib = {"viewBox": root.get("viewBox", ""), "width": width, "height": height, "role": "img"}
    root.set("aria-label", printable(label))
    return ET.tostring(root, encoding="unicode")


def width_px(text: str, size_px: float = TEXT_PX) -> float:
    """Return about how wide a text is on the page: a Han character takes one size, others a little over half."""
    return sum(size_px if _is_wide(character) else 0.56 * size_px for character in text)


def fitted(text: str, limit_px: float, size_px: float = TEXT_PX) -> str:
    """Return the text, cut with … to fit a width in pixels, escaped for an SVG."""
    text = " ".join(printable(text).split())
    if width_px(text, size_px) <= limit_px:
        return text
    while text and width_px(text + "…", size_px) > limit_px:
        text = text[:-1]
    return text + "…"


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def _bare(name: str) -> str:
    return _NAMESPACE.sub("", name)


def _in_page(key: str, value: str, name: str) -> str:
    if key == "style":
        value = _FAMILY.sub("", _SHORTHAND.sub(r"font-size: \1", value))
        for color, variable in VARIABLES.items():
            value = value.replace(color, f"var(--{variable})")
        return value.strip().rstrip(";")
    if key == "id":
        return f"{name}-{value}"
    if key == "href":
        return value.replace("#", f"#{name}-", 1)
    if key == "clip-path":
        return value.replace("url(#", f"url(#{name}-")
    return value
