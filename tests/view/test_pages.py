"""Each page of a finished run in both languages: escaped, harmless to the run, and said anew when it changes."""

from __future__ import annotations

import html
import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from served_page import Served, make_finished_run, served
from tiny_run import MOBILE, REASONS

from hanhua.artifacts.files import files_below, write_json
from hanhua.artifacts.store import run_lock
from hanhua.view.run_list import RunList
from hanhua.view.run_state import RunWatch


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("pages") / "runs"
    make_finished_run(runs / "一次 run")
    return runs


@pytest.fixture(scope="module")
def page(runs: Path) -> Iterator[Served]:
    with served(runs, recipes=runs.parent) as page:
        yield page


NAME = "/runs/%E4%B8%80%E6%AC%A1%20run"
PATHS = ("/", NAME, f"{NAME}/report", f"{NAME}/rejected", f"{NAME}/tokenizer", "/models", "/recipes?from=toy", "/none")


def states(folder: Path) -> list[tuple[str, int, int]]:
    found = [(path, path.stat()) for path in files_below(folder)]
    return [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_looking_at_everything_changes_nothing(page: Served, runs: Path, language: str) -> None:
    before = states(runs)
    for path in PATHS:
        answer = page.ask(path + ("&" if "?" in path else "?") + f"lang={language}")
        assert answer.status == (404 if path == "/none" else 200), answer.text
        assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text
        assert "<script>" not in answer.text and "<img" not in answer.text
    assert states(runs) == before


def test_the_browser_s_language_counts_until_one_is_chosen(page: Served) -> None:
    assert 'lang="zh-CN"' in page.ask("/", Accept_Language="zh-TW,zh;q=0.9").text
    chosen = page.ask("/?lang=zh&theme=dark", Accept_Language="en")
    assert 'data-theme="dark"' in chosen.text and 'lang="zh-CN"' in chosen.text
    assert {"hanhua_lang=zh", "hanhua_theme=dark"} <= {one.partition(";")[0] for one in chosen.cookies}
    cookies = f"{page.cookie}; hanhua_lang=zh; hanhua_theme=evil"
    again = page.ask("/", Cookie=cookies)
    assert 'lang="zh-CN"' in again.text and 'data-theme="auto"' in again.text


def test_a_run_shows_stages_and_training(page: Served) -> None:
    text = page.ask(NAME).text
    assert text.count("state-done") >= 6 and "921,600" in text
    for source in ("<polyline", "tokens/s", "[6/6] eval: done"):
        assert source in text


def test_rejected_samples_by_reason_are_masked_and_escaped(page: Served) -> None:
    shown = html.unescape(page.ask(f"{NAME}/rejected").text)
    assert all(reason in shown for reason in REASONS) and "城南的旧茶馆" in shown
    raw = page.ask(f"{NAME}/rejected?reason=boilerplate").text
    assert MOBILE not in raw and "版权所有" in raw
    assert "&lt;script&gt;" in page.ask(f"{NAME}/rejected?reason=duplicate").text


def test_new_tokens_are_searched(page: Served) -> None:
    text = page.ask(f"{NAME}/tokenizer?q=%E8%87%BA%E7%81%A3").text
    assert "臺灣" in text and "電腦" not in text


def test_stages_reused_by_the_last_command_are_cached(runs: Path) -> None:
    watch = RunWatch(RunList(runs))
    log = runs / "一次 run" / "run.log"
    text = log.read_text(encoding="utf-8")
    log.write_text(text + "2026-11-28 11:00:00 [1/6] filtering: already done\n", encoding="utf-8")
    try:
        stages = {one.stage: one.state for one in watch.state("一次 run").stages}
    finally:
        log.write_text(text, encoding="utf-8")
    assert stages == {**dict.fromkeys(stages, "done"), "filtering": "cached"}


def test_what_is_live_is_said_anew_when_it_changes(page: Served, runs: Path) -> None:
    make_finished_run(runs / "live")
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    connection.request("GET", "/live/runs/live", headers={"Cookie": page.cookie})
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/event-stream")

    def event() -> str:
        lines = []
        while line := answer.readline().decode().rstrip("\n"):
            lines.append(line.removeprefix("data: "))
        return "\n".join(lines)

    assert "state-running" not in event()
    with run_lock(runs / "live"):
        assert "state-running" in event()
    assert "state-running" not in event()
    connection.close()


def test_a_broken_run_is_said_and_the_others_are_shown(page: Served, runs: Path) -> None:
    root = runs / "broken"
    make_finished_run(root)
    write_json(root / "vocab_extension" / "22bb" / "extension.json", ["not", "what", "it", "was"])
    (root / "filtering" / "0123456789ab" / "manifest.json").write_text("{", encoding="utf-8")
    assert page.ask("/runs/broken/tokenizer").status == 404
    answer = page.ask("/runs/broken/rejected")
    assert answer.status == 404 and "not readable as JSON" in answer.text
    assert page.ask("/").status == 200
