"""The page in a real browser over real runs, one finished and one at work: seven screens as people may look at them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from headless_chromium import headless, needs_chromium
from mini_run import DATA, write_recipe
from program import command

from hanhua.artifacts.files import files_below
from hanhua.view.words import said

pytestmark = [pytest.mark.slow, needs_chromium]
DONE, LONG = "Llama-3-mini", "Llama-3-mini-long"
FOREVER_TOKENS = 20_000_000
LOOKS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "chinese": {"viewport": {"width": 1280, "height": 900}, "locale": "zh-CN"},
}
SECONDS = 1000.0
PATIENCE = 60 * SECONDS


def until(true: Callable[[], bool], *, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@dataclass
class Shown:
    """`hanhua view` at work over a folder with runs."""

    runs: Path
    process: subprocess.Popen[str] = field(init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            command("view", self.runs),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.runs.parent,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", self.address)

    @property
    def base(self) -> str:
        return self.address.partition("/?")[0]

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("browser"), tokens=4096)


def long_command(recipe: Path) -> list[str]:
    tokens = f"continued_pretrain.max_tokens={FOREVER_TOKENS}"
    return command("run", recipe, "--runs", recipe.parent / "runs", "-s", f"name={LONG}", "-s", tokens)


@pytest.fixture(scope="module")
def long_run(recipe: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that is still training when the tests end."""
    process = subprocess.Popen(
        long_command(recipe),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def runs(recipe: Path, long_run: subprocess.Popen[bytes]) -> Path:
    """Both runs: with dirty texts too, so that something is rejected."""
    runs = recipe.parent / "runs"
    web = f'{{path: "{DATA}/dirty.jsonl", weight: 0.1, license: Apache-2.0}}'
    subprocess.run(command("run", recipe, "--runs", runs, "-s", f"corpora.web={web}"), check=True, capture_output=True)
    until(lambda: training_rows(runs) > 2, seconds=120, what="the long run does not train")
    assert long_run.poll() is None
    return runs


def training_rows(runs: Path) -> int:
    logs = list((runs / LONG).glob("continued_pretrain/*.partial/logs/train.jsonl"))
    return logs[0].read_text(encoding="utf-8").count("\n") if logs else 0


@pytest.fixture(scope="module")
def shown(runs: Path) -> Iterator[Shown]:
    shown = Shown(runs)
    yield shown
    shown.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with headless() as browser:
        yield browser


@dataclass
class Eyes:
    """One browser window: what it was told, and every address it asked for."""

    page: Any
    base: str
    pictures: Path
    language: str
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)

    def say(self, key: str, **values: Any) -> str:
        return said(key, self.language, **values)

    def wait(self, true: str, *, seconds: float = PATIENCE / SECONDS) -> None:
        """Wait for an expression of JavaScript; Playwright's own way of it is against the page's security policy."""
        until(lambda: bool(self.page.evaluate(true)), seconds=seconds, what=true)

    def picture(self, name: str) -> None:
        """Photograph the screen; nothing may stick out of it."""
        self.page.screenshot(path=self.pictures / f"{name}.png")
        over = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"{name}: {over} pixels wider than the screen"


@pytest.fixture(params=LOOKS)
def eyes(request: pytest.FixtureRequest, browser: Any, shown: Shown, tmp_path: Path) -> Iterator[Eyes]:
    context = browser.new_context(**{"locale": "en-US", **LOOKS[request.param]})
    context.set_default_timeout(PATIENCE)
    eyes = Eyes(context.new_page(), shown.base, tmp_path, "zh" if request.param == "chinese" else "en")
    eyes.page.on("request", lambda asked: eyes.asked.append(asked.url))
    eyes.page.on("console", lambda message: eyes.errors.append(message.text))
    eyes.page.on("pageerror", lambda error: eyes.errors.append(str(error)))
    eyes.page.goto(shown.address)
    yield eyes
    context.close()


def states(folder: Path) -> list[tuple[str, int, int]]:
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files_below(folder)]


def test_seven_screens(eyes: Eyes, runs: Path, request: pytest.FixtureRequest) -> None:
    before = states(runs / DONE)
    page = eyes.page
    assert "token" not in page.url
    see_runs(eyes)
    see_run_at_work(eyes)
    see_report(eyes)
    see_rejected(eyes)
    see_tokenizer(eyes)
    see_recipes(eyes)
    see_models(eyes, asking="phone" not in request.node.name)
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", color)[:3])) / 3
    assert (brightness < 60) == ("dark" in request.node.name)
    assert page.evaluate("document.documentElement.lang") == ("zh-CN" if eyes.language == "zh" else "en")
    assert {urlsplit(one).netloc for one in eyes.asked if not one.startswith("data:")} == {urlsplit(eyes.base).netloc}
    assert eyes.errors == []
    assert len(list(eyes.pictures.glob("*.png"))) == 7
    assert states(runs / DONE) == before, "looking at a run changed it"


def see_runs(eyes: Eyes) -> None:
    page = eyes.page
    page.locator("#runs").wait_for()
    assert page.locator("#runs tbody tr").count() == 2
    row = page.locator("#runs tbody tr", has=page.get_by_role("link", name=LONG, exact=True))
    assert row.locator(".state").inner_text() == eyes.say("running")
    eyes.picture("runs")
    page.get_by_role("searchbox").fill("long")
    assert page.locator("#runs tbody tr:visible").count() == 1
    row.get_by_role("link").click()


def see_run_at_work(eyes: Eyes) -> None:
    page = eyes.page
    page.wait_for_url(f"**/runs/{LONG}")
    step = page.locator("#training dd").first
    first = int(step.inner_text().replace(",", ""))
    eyes.wait(f"Number(document.querySelector('#training dd').textContent.replaceAll(',', '')) > {first}")
    shown = page.locator("#training").inner_text()
    assert eyes.say("time_left") in shown and f"{FOREVER_TOKENS:,}"[:3] in shown
    assert page.locator("#loss polyline").count() == 2 and page.locator("#bits polyline").count() == 2
    assert page.locator("#bits .key").all_inner_texts()[0].startswith(("zh ", "en "))
    stages = page.locator("#stages").inner_text()
    assert eyes.say("running") in stages and eyes.say("waiting") in stages and eyes.say("done") in stages
    eyes.picture("run")


def see_report(eyes: Eyes) -> None:
    page = eyes.page
    eyes.go(f"/runs/{DONE}")
    page.get_by_role("link", name=eyes.say("report"), exact=True).click()
    report = page.frame_locator("iframe.report")
    assert report.get_by_role("heading", level=1).inner_text() == DONE
    assert report.locator("svg").count() > 0
    eyes.picture("report")


def see_rejected(eyes: Eyes) -> None:
    page = eyes.page
    page.get_by_role("link", name=eyes.say("rejected"), exact=True).click()
    reasons = page.locator("#reasons tbody a")
    assert reasons.count() > 5
    reasons.filter(has_text="language.ja").click()
    page.wait_for_url("**reason=language.ja")
    assert "dirty.jsonl" in page.locator("#samples").inner_text()
    eyes.picture("rejected")


def see_tokenizer(eyes: Eyes) -> None:
    page = eyes.page
    page.get_by_role("link", name=eyes.say("tokenizer"), exact=True).click()
    token = max(page.locator("#tokens .piece").all_inner_texts(), key=len)
    page.get_by_label(eyes.say("text_to_cut")).fill(f"{token}。Hello")
    page.get_by_role("button", name=eyes.say("cut"), exact=True).click()
    page.locator("#cut-extended .new", has_text=token).first.wait_for()
    pieces = {which: page.locator(f"#cut-{which} .piece").count() for which in ("base", "extended")}
    assert pieces["extended"] < pieces["base"] and page.locator("#cut-base .new").count() == 0
    page.get_by_role("searchbox").fill(token)
    page.get_by_role("button", name=eyes.say("find"), exact=True).click()
    page.wait_for_url("**q=**")
    assert token in page.locator("#tokens").inner_text() and page.locator("#tokens li").count() < 50
    eyes.picture("tokenizer")


def see_recipes(eyes: Eyes) -> None:
    page = eyes.page
    page.get_by_role("link", name=eyes.say("recipes"), exact=True).click()
    page.get_by_label(eyes.say("begin_with")).select_option("mini.yaml")
    page.get_by_role("button", name=eyes.say("begin"), exact=True).click()
    page.locator("#estimate").wait_for()
    field, bad = page.locator("#recipe"), page.locator(".lines .bad")
    assert bad.count() == 0
    right = field.input_value()
    field.fill(right.replace("max_tokens", "max_token").replace("license: Apache-2.0}", "licence: none}", 1))
    page.locator(".slips li").nth(1).wait_for()
    lines = right.splitlines()
    wrong = [number for number, line in enumerate(lines, 1) if "max_tokens" in line or line.startswith("  zh:")]
    assert [int(text) for text in bad.all_inner_texts()] == wrong
    page.get_by_role("link", name=eyes.say("line", n=wrong[1])).first.click()
    at = page.evaluate("document.querySelector('#recipe').selectionStart")
    assert field.input_value()[at:].startswith("max_token:")
    eyes.picture("recipes")
    page.get_by_role("button", name=eyes.say("language"), exact=True).click()
    page.wait_for_url("**lang=**")
    assert "max_token:" in field.input_value(), "what was typed is lost"
    field.fill(right)
    page.locator("#checked .state-done").wait_for()
    assert bad.count() == 0
    page.get_by_role("button", name=said("language", "en" if eyes.language == "zh" else "zh")).click()
    eyes.wait(f"document.documentElement.lang === '{'zh-CN' if eyes.language == 'zh' else 'en'}'")


def see_models(eyes: Eyes, *, asking: bool) -> None:
    page = eyes.page
    page.get_by_role("link", name=eyes.say("models"), exact=True).click()
    page.get_by_label(eyes.say("left_model")).select_option(f"{DONE}/base")
    page.get_by_label(eyes.say("right_model")).select_option(f"{DONE}/continued_pretrain")
    if asking:
        page.get_by_label(eyes.say("length")).fill("8")
        page.get_by_role("button", name=eyes.say("continue")).click()
        eyes.wait("document.querySelectorAll('.answer[data-done]').length === 2", seconds=300)
        for answer in page.locator(".answer").all():
            text = answer.locator(".text").inner_text()
            assert text.startswith("春天来了，") and "8 " in answer.locator(".note").inner_text()
    eyes.picture("models")


def model_processes(shown: Shown) -> list[psutil.Process]:
    return psutil.Process(shown.process.pid).children(recursive=True)


def test_it_listens_on_this_machine_alone(shown: Shown) -> None:
    connections = psutil.Process(shown.process.pid).net_connections(kind="inet")
    listening = {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}
    assert {one.laddr.ip for one in connections} == {"127.0.0.1"}


def test_killing_page_or_run_harms_neither(
    browser: Any, shown: Shown, runs: Path, long_run: subprocess.Popen[bytes], recipe: Path
) -> None:
    children = model_processes(shown)
    assert len(children) == 2, "the two models that were asked"
    shown.end(signal.SIGKILL)
    rows = training_rows(runs)
    until(lambda: training_rows(runs) > rows + 2, seconds=60, what="the run stopped with the page")
    assert long_run.poll() is None
    until(lambda: not any(child.is_running() for child in children), seconds=30, what="models outlive the page")

    again = Shown(runs)
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(again.address)
    page.goto(f"{again.base}/runs/{LONG}")
    page.locator(".summary .state-running").wait_for()
    os.killpg(long_run.pid, signal.SIGKILL)
    long_run.wait()
    page.locator(".summary .state-stopped").wait_for()
    assert page.locator("#stages .state-stopped").count() == 1
    assert "Traceback" not in page.content()
    again.end(signal.SIGKILL)
    page.locator(".lost:not([hidden])").wait_for()
    page.close()
    check_the_run_goes_on(recipe)


def check_the_run_goes_on(recipe: Path) -> None:
    """The killed run is taken up where it stopped, by the same command."""
    going_on = subprocess.Popen(
        long_command(recipe),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert going_on.stderr is not None
    with going_on.stderr as words:
        assert any("resuming from the checkpoint of step" in line for line in words)
    os.killpg(going_on.pid, signal.SIGKILL)
    going_on.wait()
