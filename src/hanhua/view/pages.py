"""From data to HTML: one Jinja environment in which everything is escaped, the reader's language, and their colors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from hanhua.progress import data_size, duration
from hanhua.view.line_chart import line_chart
from hanhua.view.training_log import SMOOTHED_OVER
from hanhua.view.words import LANGUAGES, duration_in, for_scripts, said

TEMPLATES = Path(__file__).parent / "templates"
THEMES = ("auto", "light", "dark")
YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Reader:
    """Language and colors of one request: as its address says, else as a cookie does, else as the browser asks."""

    language: str
    theme: str

    @classmethod
    def of(cls, request: Request) -> Reader:
        """Return what a request asks for."""
        language = _one_of(LANGUAGES, request.query_params.get("lang"), request.cookies.get("hanhua_lang"))
        theme = _one_of(THEMES, request.query_params.get("theme"), request.cookies.get("hanhua_theme"))
        return cls(language or _preferred(request.headers.get("accept-language", "")), theme or "auto")


class Pages:
    """Renders templates. environment: shared by all requests."""

    def __init__(self, folder: Path) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(count=_count, size=_size)
        self._environment.globals.update(
            chart=_chart, runs_folder=str(folder), themes=THEMES, smoothed_over=SMOOTHED_OVER
        )

    def fragment(self, template: str, reader: Reader, **data: Any) -> str:
        """Return a part of a page in the reader's language."""
        language = reader.language
        return self._environment.get_template(template).render(
            t=partial(said, language=language),
            time=lambda seconds: duration_in(duration(seconds), language),
            language=language,
            theme=reader.theme,
            script_words=json.dumps(for_scripts(language), ensure_ascii=False),
            **data,
        )

    def page(self, request: Request, template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
        """Return a whole page; a choice in its address is remembered in a cookie."""
        reader = Reader.of(request)
        # What the address says besides stays when a reader chooses another language or other colors.
        kept = [item for item in request.query_params.multi_items() if item[0] not in ("lang", "theme", "token")]
        html = self.fragment(template, reader, path=request.url.path, kept=kept, **data)
        response = HTMLResponse(html, status_code=status)
        for name, cookie in (("lang", "hanhua_lang"), ("theme", "hanhua_theme")):
            if name in request.query_params:
                value = reader.language if name == "lang" else reader.theme
                response.set_cookie(cookie, value, max_age=YEAR_SECONDS, samesite="strict")
        return response


def _one_of(known: tuple[str, ...], *given: str | None) -> str | None:
    return next((one for one in given if one in known), None)


def _preferred(accepted: str) -> str:
    """Return the first of our languages that a browser names.

    >>> _preferred("zh-CN,zh;q=0.9,en;q=0.8"), _preferred("de")
    ('zh', 'en')
    """
    for part in accepted.split(","):
        code = part.strip().partition(";")[0].partition("-")[0].lower()
        if code in LANGUAGES:
            return code
    return "en"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _size(value: float | None) -> str:
    return "" if value is None else data_size(value)


def _chart(*args: Any, **kwargs: Any) -> Markup:
    return Markup(line_chart(*args, **kwargs))  # it escapes what it is given
