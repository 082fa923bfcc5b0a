"""The documentation's site in a real browser: its home page shows what comes out, in both languages and colors."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from headless_chromium import headless, needs_chromium
from local_http import served
from repository import ROOT

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
    pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed (make docs installs it)"),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    out = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", out]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(out)))
    with served(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with headless() as browser:
        yield browser


def brightness(page: Any) -> float:
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", color)[:3])) / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("home", "language", "search"), [("", "en", "Search"), ("index.zh-CN/", "zh", "搜索")])
def test_home_shows_what_comes_out(
    browser: Any, site: str, tmp_path: Path, scheme: str, home: str, language: str, search: str
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page, asked, missing = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"{site}/{home}", wait_until="networkidle")
    page.screenshot(path=tmp_path / "home.png", full_page=True)
    assert page.evaluate("document.documentElement.lang") == language
    assert page.get_by_role("textbox", name=search).count() == 1
    assert (brightness(page) < 60) == (scheme == "dark")
    assert page.locator("article table").count() >= 1
    images = page.locator("article img")
    assert images.count() == 2
    assert all(image.evaluate("one => one.complete && one.naturalWidth > 100") for image in images.all())
    page.locator("article").get_by_role("link", name="hanhua recipes reference").click()
    page.wait_for_url(re.compile(r"/configuration"))
    assert page.get_by_text("continued_pretrain").count() > 0
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {urlsplit(site).netloc}
    assert missing == []
    context.close()


@pytest.mark.parametrize("path", ["", "index.zh-CN/", "view/", "view.zh-CN/", "recipes.zh-CN/"])
def test_pages_fit_a_telephone(browser: Any, site: str, path: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.goto(f"{site}/{path}", wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()
