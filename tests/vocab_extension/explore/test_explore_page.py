"""The page in a real browser, from disk: it encodes as the library does, in both scripts, and does what it shows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_llama import chinese_texts, english_texts
from tokenizers import Tokenizer

from hanhua.cli import vocab_extension as command
from hanhua.cli.entry import run_command
from hanhua.errors import InputError
from hanhua.vocab_extension.explore.js_pattern import javascript_pattern
from hanhua.vocab_extension.explore.page import write_page
from hanhua.vocab_extension.proof.samples import HAN_FREE, HAN_TEXTS, random_texts
from hanhua.zh_text.conversion import open_converter

sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


def opened(browser: Any, page: Path, **settings: Any) -> Any:
    """Open a page from disk; nothing may be fetched, and no script may fail."""
    context = browser.new_context(offline=True, **settings)
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda request: request.url.startswith("file:") or errors.append(request.url))
    tab.goto(page.absolute().as_uri())
    tab.wait_for_function("tokenizer !== null")
    assert errors == []
    return tab


def both_scripts(characters: int) -> dict[str, str]:
    simplified = "\n".join(chinese_texts())[:characters]
    return {"Hans": simplified, "Hant": open_converter("s2tw")(simplified)}


def assert_encodes_alike(tab: Any, base: Path, extended: Path, texts: list[str]) -> None:
    found = tab.evaluate("texts => texts.map(t => [tokenizer.encode(t, false), tokenizer.encode(t, true)])", texts)
    libraries = [Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (base, extended)]
    for text, ids in zip(texts, found, strict=True):
        assert ids == [library.encode(text, add_special_tokens=False).ids for library in libraries], text[:60]


def test_2000_characters_of_both_scripts_are_encoded_as_the_library_does(
    base: Path, extension: Path, tmp_path: Path, browser: Any
) -> None:
    write_page(extension, base=base, out=tmp_path / "p.html", name="zh", base_name="small")
    tab = opened(browser, tmp_path / "p.html")
    texts = both_scripts(2000)
    assert all(len(text) == 2000 for text in texts.values())
    more = ["I'S she'ſ we'LL", "a\u0085b\ufeffc \u3000 d", "<|begin_of_text|>你好<|eot_id|>", "\r\n\n  x\t"]
    assert_encodes_alike(tab, base, extension, [*texts.values(), *more, *HAN_FREE, *HAN_TEXTS])
    assert_encodes_alike(tab, base, extension, [*english_texts()[:5], *random_texts(200, han=True)])


@pytest.mark.slow
def test_the_real_llama3_too(llama3: Path, llama3_extension: Path, tmp_path: Path, browser: Any) -> None:
    done = write_page(llama3_extension, base=llama3, out=tmp_path / "p.html", name="llama3-zh", base_name="llama3")
    assert done.size_bytes < 8e6
    tab = opened(browser, tmp_path / "p.html")
    assert_encodes_alike(tab, llama3, llama3_extension, [*both_scripts(2000).values(), *HAN_FREE, *HAN_TEXTS])


def test_it_shows_counts_new_tokens_details_and_finds(
    base: Path, extension: Path, tmp_path: Path, browser: Any
) -> None:
    write_page(extension, base=base, out=tmp_path / "p.html", name="zh", base_name="small")
    tab = opened(browser, tmp_path / "p.html", locale="en-US", color_scheme="light")
    text = chinese_texts()[0][:300]
    tab.fill("#text", text)
    wanted = {
        name: Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
        for name, folder in (("base", base), ("extended", extension))
    }
    for name, ids in wanted.items():
        tab.wait_for_function(f"document.querySelectorAll('#{name}-tokens b').length === {len(ids)}")
    new = [id_ for id_ in wanted["extended"] if id_ >= 1024]
    assert new
    assert tab.locator("#extended-tokens b.new").count() == len(new)
    assert f"{len(set(new)):,} of 512 new tokens, {len(new):,} times" in tab.inner_text("#fired-count")
    tab.locator("#extended-tokens b.new").first.click()
    assert str(new[0]) in tab.inner_text("#details")
    assert "in base tokens" in tab.inner_text("#details")
    first = json.loads((extension / "extension.json").read_text(encoding="utf-8"))["tokens"][0]
    tab.fill("#query", str(first["id"]))
    row = tab.inner_text("#list tr:nth-child(2)")
    assert first["text"] in row and f"{first['count']:,}" in row
    tab.fill("#query", "")
    tab.select_option("#order", "rare")
    counts = tab.eval_on_selector_all(
        "#list tr td:nth-child(3)", "cells => cells.map(c => +c.textContent.replaceAll(',',''))"
    )
    assert counts == sorted(counts) and len(counts) == 200


def test_it_is_in_both_languages_light_and_dark(base: Path, extension: Path, tmp_path: Path, browser: Any) -> None:
    write_page(extension, base=base, out=tmp_path / "p.html", name="zh", base_name="small")
    tab = opened(browser, tmp_path / "p.html", locale="zh-CN", color_scheme="dark")
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert "全部新词元" in tab.inner_text("main")
    tab.click("#language")
    assert "All new tokens" in tab.inner_text("main")
    tab.click("#theme")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_no_name_ends_the_script(base: Path, extension: Path, tmp_path: Path, browser: Any) -> None:
    write_page(extension, base=base, out=tmp_path / "p.html", name="</script><b>x", base_name="<!--")
    assert opened(browser, tmp_path / "p.html").inner_text("h1") == "</script><b>x"


def test_an_extension_of_another_base_is_refused(base: Path, extension: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no sound extension of this base \(base_tokens, base_merges"):
        write_page(base, base=extension, out=tmp_path / "p.html", name="a", base_name="b")


def test_a_pattern_that_browsers_do_not_know_is_refused() -> None:
    with pytest.raises(InputError, match="which browsers do not know"):
        javascript_pattern(r"\p{L}++")


def test_the_command_writes_it(base: Path, extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: object) -> int:
        return run_command(lambda: command.app([str(word) for word in words]))

    assert run("explore", extension, "--base", base, "--out", tmp_path / "p.html", "--json") == 0
    assert json.loads(capsys.readouterr().out)["new_tokens"] == 512
    assert run("explore", extension, "--base", base, "--out", tmp_path / "p.txt") == 2
    assert "name it p.txt.html" in capsys.readouterr().err
