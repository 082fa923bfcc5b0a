"""The page: keys in a real browser, nothing lost on a kill, and no answer to anybody else."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from labeled_texts import GOOD, JUNK, begun, write_texts

from hanhua.filtering.labeling.label_file import LabelFile
from hanhua.filtering.labeling.page import Page, serve_page
from hanhua.filtering.labeling.session import Session

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def served(page: Page) -> Iterator[str]:
    """Serve a page in a thread; yield its address."""
    address: list[str] = []
    there = threading.Event()

    def opened(where: str) -> None:
        address.append(where)
        there.set()

    thread = threading.Thread(target=serve_page, args=(page,), kwargs={"opened": opened})
    thread.start()
    assert there.wait(10)
    try:
        yield address[0]
    finally:
        page.over.set()
        thread.join()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    found = begun(tmp_path / "labels", texts=[*GOOD[:8], *JUNK[:4]], per_round=10)
    found.draw()
    yield found
    found.close()


def ask(address: str, name: str, given: dict[str, Any] | None = None, **headers: str) -> tuple[int, Any]:
    """Return the status and the JSON of an answer."""
    body = None if given is None else json.dumps(given).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(address + name, data=body, headers=headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def no_more() -> tuple[str, bool]:
    return "", False


@pytest.mark.parametrize(
    ("token", "host"), [("wrong", None), ("", None), (None, "evil.example:80"), (None, "127.0.0.1.evil.example:80")]
)
def test_it_answers_nobody_else(session: Session, token: str | None, host: str | None) -> None:
    page = Page(session, no_more)
    with served(page) as address:
        assert address.startswith("http://127.0.0.1:")
        assert len(page.token) >= 30
        place = address if token is None else address.replace(page.token, token)
        assert ask(place, "state", **({} if host is None else {"Host": host})) == (404, None)


def test_what_is_wrong_is_said_and_not_saved(session: Session) -> None:
    with served(Page(session, no_more)) as address:
        key = ask(address, "state")[1]["text"]["key"]
        for given in ({"key": key, "label": "spam"}, {"key": "unknown", "label": "keep"}):
            status, answer = ask(address, "label", given)
            assert (status, list(answer)) == (400, ["error"])
        assert session.labels.labels() == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_keys_in_a_browser(session: Session) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    first, second, third = session.waiting[:3]
    said = "quality: said after the round"
    with served(Page(session, lambda: (said, False))) as address, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
        page.goto(address)
        text = page.locator("#text")
        for key, shown, left in (("j", first, "1 / 10"), ("2", second, "2 / 10"), ("u", third, "3 / 10")):
            sync_api.expect(text).to_have_text(shown.text)
            sync_api.expect(page.locator("#left")).to_have_text(left)
            page.keyboard.press(key)
        sync_api.expect(text).to_have_text(second.text)
        assert session.labels.by("one") == {first.key: "junk"}
        page.get_by_role("button", name="keep").click()
        sync_api.expect(text).to_have_text(third.text)
        assert session.labels.by("one") == {first.key: "junk", second.key: "keep"}
        for number in range(8):
            sync_api.expect(page.locator("#left")).to_have_text(f"{number + 3} / 10")
            page.keyboard.press("s")
        sync_api.expect(page.locator("#said")).to_have_text(said)
        sync_api.expect(page.locator("#left")).to_contain_text("完成")
        browser.close()
        assert failures == []
    assert len(session.labels.labels()) == 10


def test_nothing_is_lost_on_a_kill(tmp_path: Path) -> None:
    corpus, out = write_texts(tmp_path / "texts.jsonl", [*GOOD[:12], *JUNK[:8]]), tmp_path / "labels"
    command = [sys.executable, "-m", "hanhua.cli.filter", "label", str(corpus), "--out", str(out), "--round", "10"]
    with subprocess.Popen(
        [*command, "--no-browser", "--name", "one"], stderr=subprocess.PIPE, encoding="utf-8"
    ) as program:
        assert program.stderr is not None
        address = next(line.split()[-1] for line in program.stderr if line.startswith("judge at "))
        state, said = ask(address, "state")[1], {}
        for label in ("keep", "junk", "fraud"):
            key = state["text"]["key"]
            state, said[key] = ask(address, "label", {"key": key, "label": label})[1], label
        program.send_signal(signal.SIGKILL)
    assert LabelFile(out / "labels.jsonl").by("one") == said
    session = Session(out, judge="one", per_round=10, strategy="unsure", max_false_alarms=0.01)
    assert session.waiting[0].key == state["text"]["key"]
    assert len(session.waiting) == 7
